#include "server/inbound/connection.h"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "server/background.h"
#include "server/inbound/browser_check.h"
#include "server/inbound/caller.h"
#include "server/inbound/clients/presented.h"
#include "server/inbound/doorkeeper.h"
#include "server/inbound/request_id.h"
#include "server/inbound/request_target.h"
#include "server/problem.h"

namespace roktcached::inbound {

namespace {

constexpr std::chrono::seconds time_to_part{2};
constexpr std::string_view serving = "serving a connection";

Answer preflight_answer(const Request& request) {
  Answer answer;
  answer.status = 204;
  answer.head = preflight_fields(request.fields);
  return answer;
}

}  // namespace

Connection::Connection(Accepted accepted, const Site& site, Registrar& registrar)
    : stream_(std::move(accepted.executor), std::move(accepted.descriptor), accepted.peer.protocol(),
              std::move(accepted.tls)),
      site_(site),
      registrar_(registrar),
      // cancel, not close: who waits decides what is still to be said.
      deadline_(stream_.executor(), [this] { interrupt(); }),
      peer_(address_of(accepted.peer)) {}

Connection::~Connection() {
  if (waiting_) site_.lookout.forget(*this);
}

void Connection::drain() {
  draining_ = true;
  if (waiting_) interrupt();
}

void Connection::abort() {
  draining_ = true;
  aborted_ = true;
  interrupt();
}

/// Ends what is waited for, but not before the caller is done.
void Connection::interrupt() {
  stream_.cancel();
  if (!waiting_ || stream_.encrypted()) return;
  asio::post(stream_.executor(), [self = shared_from_this()] {
    // It may have been woken meanwhile, and wait for another request.
    const bool still = self->waiting_ && (self->draining_ || self->deadline_.expired());
    if (still) self->guarded([&] { self->interrupted(); });
  });
}

void Connection::start() {
  guarded([this] {
    if (stream_.encrypted()) return go_on(Need::hands);
    serve_what_is_here();
  });
}

/// Between two requests nothing waits but the lookout: an idle connection is to be small.
void Connection::go_on(Need need) {
  const bool idle = need == Need::request && !draining_;
  if (!stream_.encrypted() && idle) return wait();
  if (!stream_.encrypted() && need == Need::end && !refused_) return end();
  asio::co_spawn(stream_.executor(), serve(need),
                 [self = shared_from_this()](const std::exception_ptr& failure) {
                   if (!failure) return;
                   logging_failure(serving)(failure);
                   self->end();
                 });
}

void Connection::wait() {
  put_away();
  waiting_ = true;
  deadline_.expires_after(site_.limits.idle_timeout);
  site_.lookout.watch(stream_.descriptor(), *this, stream_.drained());
}

void Connection::woken() {
  const auto self = shared_from_this();
  guarded([this] {
    stop_waiting();
    serve_what_is_here();
  });
}

/// A request that is already here when the connection is drained was sent in good faith: it is still
/// answered.
void Connection::interrupted() {
  stop_waiting();
  if (draining_ && !aborted_ && stream_.has_received()) return serve_what_is_here();
  end();
}

void Connection::stop_waiting() {
  site_.lookout.forget(*this);
  deadline_.clear();
  waiting_ = false;
}

void Connection::serve_what_is_here() {
  if (!take_in()) return end();
  go_on(advance());
}

void Connection::end() {
  const bool clean = bench_ && !refused_ && stage_ == Stage::reading && !bench_->reader.has_begun() &&
                     bench_->writer.is_empty();
  if (clean) {
    site_.workshop.give_back(std::move(bench_));
  } else if (bench_) {
    bench_->incoming.clear();  // of secrets, too
  }
  site_.lookout.forget(*this);
  deadline_.clear();
  stream_.close();
  registrar_.ended(*this);
}

/// What escapes is a bug; it ends the connection, and no other.
template <class Action>
void Connection::guarded(Action action) {
  try {
    action();
  } catch (...) {
    logging_failure(serving)(std::current_exception());
    end();
  }
}

/// Waits for what advance() needs, until there is nothing to wait for but another request.
asio::awaitable<void> Connection::serve(Need need) {
  while (need != Need::end) {
    if (need == Need::request && !stream_.encrypted() && !draining_) {
      wait();
      co_return;
    }
    const bool more = co_await get(need);
    need = more ? advance() : Need::end;
  }
  co_await part();
  end();
}

Connection::Need Connection::advance() {
  Need need = step();
  while (need == Need::nothing) need = step();
  return need;
}

Connection::Need Connection::step() {
  switch (stage_) {
    case Stage::reading:
      return read();
    case Stage::asked:
      return ask();
    case Stage::admitted:
      return hand_over();
    case Stage::answered:
      return write();
    case Stage::written:
      return send();
  }
  return Need::end;
}

Connection::Need Connection::read() {
  if (!bench_) return Need::request;
  RequestReader& reader = bench_->reader;
  return came(reader.has_begun() ? reader.take(bench_->incoming, stream_.encrypted()) : Incoming::End::more);
}

Connection::Need Connection::came(Incoming::End end) {
  Request& request = bench_->incoming.request;
  request.client = peer_;  // until it is known better
  switch (end) {
    case Incoming::End::more:
      // Whatever is waited for: what was answered is not held back for it.
      if (!bench_->writer.send_now(stream_)) return Need::room;
      return bench_->reader.has_begun() ? Need::rest : Need::request;
    case Incoming::End::nothing:
      return Need::end;
    case Incoming::End::request:
      stage_ = Stage::asked;
      return Need::nothing;
    case Incoming::End::refused:
      refused_ = true;
      append_request_id(request.id, request.fields);
      set_browser_fields({});
      return answer_with(problem(bench_->incoming.why, request.id));
  }
  return Need::end;
}

/// Who asks, by whose page, and whether it may.
Connection::Need Connection::ask() {
  Request& request = bench_->incoming.request;
  const Limits& limits = site_.limits;
  append_request_id(request.id, request.fields);
  if (bench_->incoming.http11) request.interim = this;
  const auto origin = reading_origin(request.fields, stream_.encrypted(), limits.allowed_origins);
  set_browser_fields(origin ? *origin : std::string_view());
  auto api_key = take_api_key(request.target);
  refused_ = !api_key;  // others may read the target otherwise
  if (!origin) return answer_with(problem(origin.error(), request.id));
  if (!api_key) return answer_with(problem(api_key.error(), request.id));
  if (is_preflight(request.method, *origin, request.fields)) return answer_with(preflight_answer(request));
  request.api_key = std::move(*api_key);
  stage_ = Stage::admitted;
  if (site_.door == nullptr) {
    if (request.fields.contains("Authorization"))
      request.client = caller_of(request.fields, peer_, limits.own_ids);
    return Need::nothing;
  }
  Admission admission = site_.door->recall(request, certified_);
  if (admission.kind == Admission::Kind::unknown) return Need::client;
  if (admission.kind == Admission::Kind::answered) return answer_with(std::move(admission.answer));
  return Need::nothing;
}

Connection::Need Connection::hand_over() {
  Request& request = bench_->incoming.request;
  request.fields.remove("X-API-Key");
  if (!site_.handler.answer_now(request, bench_->answer)) return Need::answer;
  stage_ = Stage::answered;
  return Need::nothing;
}

void Connection::set_browser_fields(std::string_view origin) {
  bench_->browser_fields.clear();
  add_browser_fields(bench_->browser_fields, origin, !site_.limits.allowed_origins.empty());
}

Connection::Need Connection::answer_with(Answer answer) {
  bench_->answer = std::move(answer);
  stage_ = Stage::answered;
  return Need::nothing;
}

/// A request line of which only who was to answer it could tell that it is malformed ends the connection as
/// any other does. What a route has answered, and every hit is that, it has read.
void Connection::judge_line() {
  const Answer& answer = bench_->answer;
  const bool by_route = !answer.notes.route.empty() && answer.status != 400;
  const Request& request = bench_->incoming.request;
  if (!refused_ && !by_route) refused_ = !is_beyond_doubt(request.method, request.target);
}

Connection::Need Connection::write() {
  Workbench& bench = *bench_;
  if (bench.writer.is_full() && !bench.writer.send_now(stream_)) return Need::room;
  const Incoming& incoming = bench.incoming;
  judge_line();
  // An HTTP/1.0 client learns the end of a content of unknown length by the end of the connection.
  const bool ends_with_connection = bench.answer.content && !bench.answer.content_length && !incoming.http11;
  keep_alive_ = !incoming.last && !refused_ && !draining_ && !ends_with_connection;
  const AnswerFrame frame{
      .keep_alive = keep_alive_, .http11 = incoming.http11, .browser_fields = bench.browser_fields};
  body_bytes_ = bench.writer.add(incoming.request, bench.answer, frame);
  stage_ = Stage::written;
  if (bench.answer.content) return Need::content;
  const bool others_follow = keep_alive_ && bench.reader.has_begun() && !bench.writer.is_full();
  return others_follow ? finish(body_bytes_) : Need::nothing;
}

Connection::Need Connection::send() {
  if (!bench_->writer.send_now(stream_)) return Need::room;
  return finish(body_bytes_);
}

Connection::Need Connection::finish(std::size_t body_bytes) {
  site_.handler.finished(bench_->incoming.request, bench_->answer, body_bytes);
  bench_->incoming.clear();
  bench_->answer.clear();
  stage_ = Stage::reading;
  return keep_alive_ ? Need::nothing : Need::end;
}

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
    case Need::nothing:  // is none
    case Need::end:      // is not waited for
      break;
  }
  return wait_for_request();
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

/// Keeps no workbench while nothing is to be done. But with TLS: there is no waiting without a buffer.
void Connection::put_away() {
  if (stream_.encrypted()) {
    if (!bench_) bench_ = std::make_unique<Workbench>(site_.limits);  // smaller than one that was used
    bench_->reader.wipe();
  } else if (bench_) {
    site_.workshop.give_back(std::move(bench_));
  }
}

/// @return false where the client has gone
bool Connection::take_in() {
  bench_ = site_.workshop.borrow();
  const auto error = bench_->reader.receive_now(stream_);
  return !error || error == asio::error::would_block;
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
  bench.answer.content.reset();
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
  if (refused_ && !aborted_) co_await linger();
  if (!stream_.encrypted() || aborted_) co_return;
  deadline_.expires_after(time_to_part);
  co_await stream_.end_sending();
  deadline_.clear();
}

/// Reads away what the client is still sending, for a moment: closing with unread bytes resets the
/// connection, and the client would lose the answer (RFC 9112, section 9.6).
asio::awaitable<void> Connection::linger() {
  deadline_.expires_after(time_to_part);
  if (!stream_.encrypted()) co_await stream_.end_sending();
  std::array<char, 4096> sink;
  for (std::size_t total = 0; total < 1024 * 1024;) {
    const auto [error, read] = co_await stream_.read_some(asio::buffer(sink));
    if (error) break;
    total += read;
  }
  deadline_.clear();
}

}  // namespace roktcached::inbound
