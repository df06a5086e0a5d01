#include "server/session/answer_sender.h"

#include <chrono>
#include <new>

namespace roktcached::session {

using http::Cut;

asio::awaitable<Cut> AnswerSender::send(http::AnswerWriter& output, const net::WritePace::Terms& terms) {
  pace_.wait(std::chrono::steady_clock::now(), terms);
  deadline_.expires_at(pace_.next_look());
  output_ = &output;
  verdict_ = Cut::none;
  Cut cut = Cut::none;
  bool sent = output.is_empty();
  while (!sent && cut == Cut::none) {
    const auto parts = output.unsent();
    const auto [error, bytes] = co_await stream_.write_some(parts, output.unsent_place());
    sent = output.sent(bytes);
    const bool interrupted = verdict_ != Cut::none && !sent;
    if (error || interrupted) cut = verdict_ == Cut::none ? Cut::client_gone : verdict_;
  }
  slow_.reset();
  output_ = nullptr;
  deadline_.clear();
  // Also where it is cut: an interim answer's cut is passed over.
  pace_.pause(std::chrono::steady_clock::now());
  co_return cut;
}

/// Bytes that the kernel holds have not reached the client: it holds megabytes, and reports room only when a
/// third is free.
bool AnswerSender::may_go_on() {
  if (output_ == nullptr) return false;
  const SteadyTime now = std::chrono::steady_clock::now();
  switch (pace_.judge(now, output_->total_sent() - static_cast<std::int64_t>(stream_.queued()))) {
    case net::WritePace::Verdict::fast_enough:
      deadline_.expires_at(pace_.next_look());
      note_slow(now);
      return true;
    case net::WritePace::Verdict::stalled:
      verdict_ = Cut::write_timeout;
      break;
    case net::WritePace::Verdict::too_slow:
      verdict_ = Cut::write_rate;
      break;
  }
  return false;
}

/// An answer that has not gone by the first look holds memory that others may need.
void AnswerSender::note_slow(SteadyTime now) {
  if (senders_ == nullptr || output_->body() == nullptr) return;
  if (slow_) return slow_->progressed(pace_.progressed_at());
  try {
    slow_.emplace(
        *senders_, stream_.executor(), output_->body(), [this] { give_way(); }, now);
  } catch (const std::bad_alloc&) {
    // It is not known to be slow then, and asked at the next look.
  }
}

/// Another client's answer needs the memory: this client loses its answer, unless it has taken something of
/// late.
void AnswerSender::give_way() {
  const bool goes_on = may_go_on();
  if (goes_on && !slow_->still_slow(std::chrono::steady_clock::now())) return;
  if (goes_on) verdict_ = Cut::overloaded;
  stream_.cancel();
}

}  // namespace roktcached::session
