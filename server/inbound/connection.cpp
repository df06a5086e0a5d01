#include "server/inbound/connection.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "core/http/via.h"
#include "server/background.h"
#include "server/inbound/browser_check.h"
#include "server/inbound/caller.h"
#include "server/inbound/clients/presented.h"
#include "server/inbound/clients/token_request.h"
#include "server/inbound/doorkeeper.h"
#include "server/inbound/request_id.h"
#include "server/inbound/request_target.h"
#include "server/own_pseudonym.h"
#include "server/problem.h"

namespace roktcached::inbound {

namespace {

constexpr std::string_view serving = "serving a connection";

/// For the access log and the counters, as nginx has it; nobody gets it.
constexpr unsigned client_closed_request = 499;

Answer preflight_answer(const Request& request) {
  Answer answer;
  answer.status = 204;
  answer.head = preflight_fields(request.fields);
  return answer;
}

/// RFC 9110, section 7.6.3.
Error came_back() {
  return {ErrorCode::loop_detected, ErrorSource::inbound, false,
          "its Via shows that this proxy has sent it itself: upstream.url, or a proxy behind it, leads back "
          "here"};
}

}  // namespace

Connection::Connection(Accepted accepted, const Site& site, Registrar& registrar)
    : stream_(std::move(accepted.executor), std::move(accepted.descriptor), accepted.peer.protocol(),
              std::move(accepted.tls)),
      site_(site),
      registrar_(registrar),
      // cancel, not close: who waits decides what is still to be said.
      deadline_(stream_.executor(), [this] { timed_out(); }),
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

/// A client may take its time for an answer, as long as it takes it.
void Connection::timed_out() {
  if (bench_ && bench_->writer.may_go_on(stream_, deadline_)) return;
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
  if (need == Need::turn) return;
  if (!stream_.encrypted() && need == Need::end && !refused_) return end();
  spawn_watched(stream_.executor(), serve(need), serving, [self = shared_from_this()](bool failed) {
    if (failed) self->end();
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

void Connection::resumed() {
  const auto self = shared_from_this();
  guarded([this] { go_on(advance()); });
}

/// A request that is already here when the connection is drained was sent in good faith: it is still
/// answered.
void Connection::interrupted() {
  site_.lookout.forget(*this);
  stop_waiting();
  if (draining_ && !aborted_ && stream_.has_received()) return serve_what_is_here();
  end();
}

void Connection::stop_waiting() {
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
  if (bench_) bench_->departure.reset();
  if (clean) {
    site_.workshop.give_back(std::move(bench_));
  } else if (bench_) {
    bench_->incoming.clear();  // of secrets, too
  }
  site_.lookout.forget(*this);
  deadline_.clear();
  resets_ ? stream_.reset() : stream_.close();
  registrar_.ended(*this);
}

/// What escapes is a bug; it ends the connection, and no other.
template <class Action>
void Connection::guarded(Action action) {
  try {
    action();
  } catch (...) {
    log_failure(serving, std::current_exception());
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
    if (need == Need::turn) co_return;
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
  request.protocol = bench_->incoming.http11 ? "1.1" : "1.0";
  if (bench_->incoming.http11) request.interim = this;
  const auto origin =
      reading_origin(request.method, request.fields, stream_.encrypted(), limits.allowed_origins);
  set_browser_fields(origin ? *origin : std::string_view());
  auto api_key = take_api_key(request.target);
  refused_ = !api_key;  // others may read the target otherwise
  if (request.fields.contains("Via") && http::via_names(request.fields.combined("Via"), own_pseudonym()))
    return answer_with(problem(came_back(), request.id));
  if (!origin) return answer_with(problem(origin.error(), request.id));
  if (!api_key) return answer_with(problem(api_key.error(), request.id));
  if (const auto expected = check_expectation(request.fields); !expected)
    return answer_with(problem(expected.error(), request.id));
  if (is_preflight(request.method, *origin, request.fields)) return answer_with(preflight_answer(request));
  request.api_key = std::move(*api_key);
  stage_ = Stage::admitted;
  if (site_.door == nullptr) {
    const bool names_itself = request.fields.contains("Authorization");
    if (names_itself || is_token_request(request))
      request.client =
          caller_of(request.fields, names_itself ? std::string_view() : request.body, peer_, limits.own_ids);
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
  return others_follow ? finish({.content_bytes = body_bytes_}) : Need::nothing;
}

Connection::Need Connection::send() {
  if (!stream_.encrypted() && site_.lookout.put_off(*this)) return Need::turn;
  const auto after = keep_alive_ ? ClientStream::After::more : ClientStream::After::end;
  if (!bench_->writer.send_now(stream_, after)) return Need::room;
  if (!keep_alive_) look_behind();
  return finish({.content_bytes = body_bytes_});
}

/// Bytes behind the last request are to be read away, as those behind a refused one: close() resets the
/// connection where there are any, and what the client has not yet received of the answer is lost.
void Connection::look_behind() {
  // What has been read already says that more may be on its way, which close() would reset as well.
  if (bench_->reader.has_begun() || stream_.has_received()) refused_ = true;
}

/// The answer at hand, where there is one, does not go out whole. Its client sees that by its framing; where
/// the end of the connection is to be the end of the content, a reset takes its place. A client that is too
/// slow is reset as well: else the kernel would hold what is queued for it for as long as it likes.
void Connection::cut_off(Cut why) {
  Workbench& bench = *bench_;
  const Answer& answer = bench.answer;
  const bool ends_with_connection = answer.content && !answer.content_length && !bench.incoming.http11;
  if (aborted_) why = Cut::shutdown;
  const bool too_slow = why == Cut::write_timeout || why == Cut::write_rate || why == Cut::overloaded;
  resets_ = too_slow || ends_with_connection;
  refused_ = false;  // there is nobody to linger for
  const std::size_t lost = resets_ || why == Cut::client_gone ? stream_.lost_by_reset() : 0;
  const std::size_t sent = stage_ == Stage::written ? bench.writer.content_sent() : 0;
  // Before anybody is told what went: the kernel would go on sending what it still holds.
  if (resets_) stream_.reset();
  bench.writer.clear();
  if (stage_ != Stage::answered && stage_ != Stage::written) return;
  (void)finish({.content_bytes = sent - std::min(sent, lost), .cut = why});
}

/// The client has gone before its answer was there.
void Connection::leave_unanswered(Answer answer) {
  answer.status = client_closed_request;
  answer.content.reset();
  answer_with(std::move(answer));
  cut_off(Cut::client_gone);
}

Connection::Need Connection::finish(const Written& written) {
  site_.handler.finished(bench_->incoming.request, bench_->answer, written);
  bench_->incoming.clear();
  bench_->answer.clear();
  stage_ = Stage::reading;
  return keep_alive_ ? Need::nothing : Need::end;
}

/// Keeps no workbench while nothing is to be done. But with TLS: there is no waiting without a buffer.
void Connection::put_away() {
  if (stream_.encrypted()) {
    if (!bench_) bench_ = site_.workshop.make();  // smaller than one that was used
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

}  // namespace roktcached::inbound
