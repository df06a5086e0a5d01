// What a connection waits for, each a coroutine; all that needs no waiting is in connection.cpp.
#include <array>
#include <stdexcept>
#include <utility>

#include "server/inbound/clients/presented.h"
#include "server/inbound/connection.h"
#include "server/inbound/doorkeeper.h"

namespace roktcached::inbound {

namespace {

constexpr std::chrono::seconds time_to_part{2};

}  // namespace

asio::awaitable<bool> Connection::get(Need need) {
  switch (need) {
    case Need::hands:
      return wait_for_hands();
    case Need::rest:
      return wait_for_rest();
    case Need::client:
      return wait_for_client();
    case Need::answer:
      return wait_for_answer();
    case Need::content:
      return wait_for_content();
    case Need::room:
      return wait_for_room();
    case Need::request:
      return wait_for_request();
    case Need::nothing:  // is none
    case Need::turn:     // comes by itself
    case Need::end:      // is not waited for
      break;
  }
  throw std::logic_error("a connection waits for nothing");
}

asio::awaitable<bool> Connection::wait_for_hands() {
  deadline_.expires_after(site_.limits.head_timeout);
  const auto error = co_await stream_.shake_hands();
  deadline_.clear();
  if (!error && site_.door != nullptr) certified_ = site_.door->client_of(stream_.certificate());
  co_return !error;
}

/// With TLS; and in a drain, where what is here already is all that comes.
asio::awaitable<bool> Connection::wait_for_request() {
  put_away();
  if (!stream_.encrypted()) {
    const bool comes = !aborted_ && stream_.has_received();
    co_return comes ? take_in() : false;
  }
  boost::system::error_code error = asio::error::operation_aborted;
  if (!draining_) {
    waiting_ = true;
    deadline_.expires_after(site_.limits.idle_timeout);
    error = co_await bench_->reader.receive(stream_);
    deadline_.clear();
    waiting_ = false;
  }
  if (!error) co_return true;
  if (!draining_ || aborted_ || !stream_.has_received()) co_return false;
  deadline_.expires_after(site_.limits.head_timeout);
  error = co_await bench_->reader.receive(stream_);
  deadline_.clear();
  co_return !error;
}

asio::awaitable<bool> Connection::wait_for_rest() {
  const auto end = co_await bench_->reader.read(stream_, deadline_, bench_->incoming);
  deadline_.clear();
  co_return came(end) != Need::end;
}

asio::awaitable<bool> Connection::wait_for_client() {
  const bool sent = co_await wait_for_room();
  if (!sent) co_return false;
  Admission admission = co_await site_.door->verify(bench_->incoming.request, certified_);
  if (admission.kind == Admission::Kind::answered) answer_with(std::move(admission.answer));
  co_return true;
}

asio::awaitable<bool> Connection::wait_for_answer() {
  if (!bench_->writer.is_empty()) {
    const bool sent = co_await wait_for_room();
    if (!sent) co_return false;
  }
  remove_telling_referer(bench_->incoming.request.fields);
  Answer answer = co_await site_.handler.handle(bench_->incoming.request);
  answer_with(std::move(answer));
  co_return true;
}

asio::awaitable<bool> Connection::wait_for_content() {
  Workbench& bench = *bench_;
  std::size_t sent = 0;
  const bool whole =
      co_await bench.writer.send(stream_, deadline_, site_.limits.write_timeout, *bench.answer.content,
                                 is_chunked(bench.answer, bench.incoming.http11), sent);
  // An HTTP/1.0 client takes the connection's end for the content's, unless it is a reset.
  const bool end_is_contents = !bench.answer.content_length && !bench.incoming.http11;
  if (!whole && end_is_contents) {
    stream_.reset_at_close();
    aborted_ = true;
  }
  bench.answer.content.reset();
  if (whole && !keep_alive_) look_behind();
  const Need need = finish(sent);
  co_return whole&& need != Need::end;
}

asio::awaitable<bool> Connection::wait_for_room() {
  const bool sent = co_await bench_->writer.send(stream_, deadline_, site_.limits.write_timeout);
  if (sent) co_return true;
  refused_ = false;  // there is nobody to linger for
  const bool answered = stage_ == Stage::answered || stage_ == Stage::written;
  if (answered) (void)finish(0);
  co_return false;
}

/// Whether it arrives is of no consequence.
asio::awaitable<void> Connection::send_interim(unsigned status, const http::Fields& fields) {
  bench_->writer.add_interim(status, fields);
  co_await bench_->writer.send(stream_, deadline_, site_.limits.write_timeout);
}

/// Says what is still to be said.
asio::awaitable<void> Connection::part() {
  const bool says_end = refused_ || stream_.encrypted();
  if (!says_end || aborted_) co_return;
  deadline_.expires_after(time_to_part);
  co_await stream_.end_sending();
  deadline_.clear();
  if (refused_ && !aborted_) co_await linger();
}

/// Reads away what the client is still sending, for a moment: closing with unread bytes resets the
/// connection, and the client would lose the answer (RFC 9112, section 9.6).
asio::awaitable<void> Connection::linger() {
  deadline_.expires_after(time_to_part);
  std::array<char, 4096> sink;
  for (std::size_t total = 0; total < 1024 * 1024;) {
    const auto [error, read] = co_await stream_.read_undeciphered(asio::buffer(sink));
    if (error) break;
    total += read;
  }
  deadline_.clear();
}

}  // namespace roktcached::inbound
