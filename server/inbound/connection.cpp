#include "server/inbound/connection.h"

#include <array>
#include <boost/asio/post.hpp>
#include <utility>

#include "server/inbound/browser_check.h"
#include "server/inbound/caller.h"
#include "server/inbound/clients/presented.h"
#include "server/inbound/doorkeeper.h"
#include "server/inbound/request_id.h"
#include "server/problem.h"

namespace roktcached::inbound {

namespace {

constexpr std::chrono::seconds time_to_part{2};

Answer preflight_answer(const Request& request) {
  Answer answer;
  answer.status = 204;
  answer.head = preflight_fields(request.fields);
  return answer;
}

}  // namespace

Connection::Connection(ClientStream::Socket socket, std::shared_ptr<asio::ssl::context> tls, const Site& site)
    : stream_(std::move(socket), std::move(tls)),
      site_(site),
      // cancel, not close: the coroutine decides what is still to be said.
      deadline_(stream_.executor(), [this] { stream_.cancel(); }),
      reader_(stream_, deadline_, site.limits),
      writer_(stream_, deadline_, site.limits),
      peer_(stream_.peer()) {}

void Connection::drain() {
  draining_ = true;
  if (waiting_) stream_.cancel();
}

void Connection::abort() {
  draining_ = true;
  aborted_ = true;
  stream_.cancel();
}

asio::awaitable<void> Connection::run() {
  bool more = co_await shake_hands();
  while (more) {
    Incoming incoming;
    incoming.request.client = peer_;
    Incoming::End end = reader_.has_begun() ? reader_.take(incoming) : Incoming::End::more;
    if (end == Incoming::End::more) end = co_await receive(incoming);
    if (end == Incoming::End::nothing) break;
    more = co_await serve(incoming, end);
  }
  deadline_.expires_after(time_to_part);
  if (stream_.encrypted() && !aborted_) co_await stream_.end_sending();
  deadline_.clear();
  stream_.close();
}

asio::awaitable<bool> Connection::shake_hands() {
  if (!stream_.encrypted()) co_return true;
  deadline_.expires_after(site_.limits.head_timeout);
  const auto error = co_await stream_.shake_hands();
  if (!error && site_.door != nullptr) certified_ = site_.door->client_of(stream_.certificate());
  co_return !error;
}

/// Waits for a request, or for the rest of one.
asio::awaitable<Incoming::End> Connection::receive(Incoming& incoming) {
  if (writer_.holds_back()) {
    const bool taken = co_await writer_.flush();
    if (!taken) co_return Incoming::End::nothing;
  }
  if (!reader_.has_begun()) {
    const bool comes = co_await wait_for_request();
    if (!comes) co_return Incoming::End::nothing;
  }
  co_return co_await reader_.read(incoming);
}

asio::awaitable<bool> Connection::wait_for_request() {
  if (!draining_) {
    waiting_ = true;
    const auto error = co_await reader_.wait(site_.limits.idle_timeout);
    waiting_ = false;
    if (!error) co_return true;
  }
  // A request that is already here when the connection is drained was sent in good faith: it is still
  // answered.
  co_return draining_&& stream_.has_received();
}

asio::awaitable<bool> Connection::serve(Incoming& incoming, Incoming::End end) {
  Request& request = incoming.request;
  deadline_.clear();
  request.id = request_id_of(request.fields);
  if (end == Incoming::End::refused) {
    co_await refuse(incoming);
    co_return false;
  }
  if (incoming.http11) request.interim = &writer_;
  Answer answer = co_await answer_to(incoming);
  // An HTTP/1.0 client learns the end of a content of unknown length by the end of the connection.
  const bool ends_with_connection = answer.content && !answer.content_length && !incoming.http11;
  const bool keep_alive = !incoming.last && !draining_ && !ends_with_connection;
  const AnswerFrame frame{.keep_alive = keep_alive,
                          .http11 = incoming.http11,
                          .more_follow = keep_alive && reader_.has_begun(),
                          .browser_fields = browser_fields_};
  const Written written = co_await writer_.write(request, answer, frame);
  site_.handler.finished(request, answer, written.body_bytes);
  if (writer_.holds_back()) flush_soon();
  co_return written.whole&& keep_alive;
}

/// Whatever the next request waits for, answers are not held back for it: once this thread has nothing else
/// to do here, they go.
void Connection::flush_soon() {
  if (std::exchange(flush_posted_, true)) return;
  asio::post(stream_.executor(), [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->flush_posted_ = false;
    self->writer_.flush_now();
  });
}

/// Who asks, by whose page, and whether it may; then the handler.
asio::awaitable<Answer> Connection::answer_to(Incoming& incoming) {
  Request& request = incoming.request;
  const Limits& limits = site_.limits;
  const auto origin = reading_origin(request.fields, stream_.encrypted(), limits.allowed_origins);
  browser_fields_.clear();
  add_browser_fields(browser_fields_, origin ? *origin : std::string_view(), !limits.allowed_origins.empty());
  auto api_key = take_api_key(request.target);
  if (!origin) co_return problem(origin.error(), request.id);
  if (!api_key) co_return problem(api_key.error(), request.id);
  if (is_preflight(request.method, *origin, request.fields)) co_return preflight_answer(request);
  request.api_key = std::move(*api_key);
  if (site_.door != nullptr) {
    Admission admission = site_.door->recall(request, certified_);
    if (admission.kind == Admission::Kind::unknown)
      admission = co_await site_.door->verify(request, certified_);
    if (admission.kind == Admission::Kind::answered) co_return std::move(admission.answer);
  } else {
    request.client = caller_of(request.fields, peer_, limits.own_ids);
  }
  request.fields.remove("X-API-Key");
  co_return co_await site_.handler.handle(request);
}

/// Answers a request that will not be handled; where it ends in the stream is not known, so the connection
/// ends too.
asio::awaitable<void> Connection::refuse(Incoming& incoming) {
  browser_fields_.clear();
  add_browser_fields(browser_fields_, {}, false);
  Answer answer = problem(incoming.why, incoming.request.id);
  const Written written =
      co_await writer_.write(incoming.request, answer, {.browser_fields = browser_fields_});
  site_.handler.finished(incoming.request, answer, written.body_bytes);
  if (written.whole) co_await linger();
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
