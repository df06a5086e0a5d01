#include "server/net/write_pace.h"

#include <algorithm>

namespace roktcached::net {

namespace {

/// The most time that passes unseen: so much later than the timeout may a stalled client be cut.
constexpr std::chrono::milliseconds longest_step{1000};
constexpr std::chrono::milliseconds shortest_step{10};
constexpr int looks_per_timeout = 8;

}  // namespace

void WritePace::wait(SteadyTime now, const Terms& terms) {
  terms_ = terms;
  if (begun_) {
    progressed_at_ += now - paused_at_;
    window_begun_at_ += now - paused_at_;
    next_look_ += now - paused_at_;
    return;
  }
  begun_ = true;
  looked_ = false;
  progressed_at_ = now;
  window_begun_at_ = now;
  look_again_after(now);
}

WritePace::Verdict WritePace::judge(SteadyTime now, std::int64_t taken) {
  if (!looked_) {
    // The first look only tells where the client is: to ask the kernel earlier would cost every short wait.
    looked_ = true;
    taken_ = taken_before_window_ = taken;
    window_begun_at_ = now;
  }
  if (taken > taken_) {
    taken_ = taken;
    progressed_at_ = now;
  }
  if (now - progressed_at_ >= terms_.timeout) return Verdict::stalled;
  const std::chrono::duration<double> window = now - window_begun_at_;
  if (window >= terms_.timeout) {
    const double least = static_cast<double>(terms_.min_rate) * window.count();
    if (static_cast<double>(taken_ - taken_before_window_) < least) return Verdict::too_slow;
    window_begun_at_ = now;
    taken_before_window_ = taken_;
  }
  look_again_after(now);
  return Verdict::fast_enough;
}

void WritePace::look_again_after(SteadyTime now) {
  const auto step = std::clamp(terms_.timeout / looks_per_timeout, shortest_step, longest_step);
  next_look_ = std::min({now + step, progressed_at_ + terms_.timeout, window_begun_at_ + terms_.timeout});
}

}  // namespace roktcached::net
