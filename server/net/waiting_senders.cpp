#include "server/net/waiting_senders.h"
#include "server/log_event.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace roktcached::net {

namespace {

constexpr std::chrono::seconds between_lines{10};

}  // namespace

WaitingSenders::Entry::Entry(WaitingSenders& senders, boost::asio::any_io_executor executor, const void* body,
                             std::function<void()> give_way, SteadyTime now)
    : senders_(senders) {
  auto sender = std::make_shared<Sender>();
  sender->executor = std::move(executor);
  sender->give_way = std::move(give_way);
  sender->body = body;
  sender->progressed_at = now;
  const LockGuard lock(senders_.mutex_);
  place_ = senders_.waiting_.insert(senders_.waiting_.end(), std::move(sender));
}

WaitingSenders::Entry::~Entry() {
  const std::shared_ptr<Sender> sender = *place_;
  sender->give_way = nullptr;  // what is posted already finds nothing to do
  const LockGuard lock(senders_.mutex_);
  senders_.waiting_.erase(place_);
}

void WaitingSenders::Entry::progressed(SteadyTime at) {
  Sender& sender = **place_;
  if (at > sender.progressed_at.load()) sender.progressed_at = at;
}

bool WaitingSenders::Entry::still_slow(SteadyTime now) {
  Sender& sender = **place_;
  const bool slow = now - sender.progressed_at.load() >= slow_after;
  if (!slow) sender.asked = false;
  return slow;
}

WaitingSenders::Asked WaitingSenders::ask_slowest(SteadyTime now) {
  const LockGuard lock(mutex_);
  // A client that was asked earlier goes first: then there may be room already.
  if (std::ranges::any_of(waiting_, [](const auto& sender) { return sender->asked.load(); }))
    return {.now = 0, .any = true};
  const auto slowest =
      std::ranges::min_element(waiting_, {}, [](const auto& sender) { return sender->progressed_at.load(); });
  if (slowest == waiting_.end()) return {};
  Asked asked;
  const void* const body = (*slowest)->body;
  for (const auto& sender : waiting_) {
    if (sender->body != body || now - sender->progressed_at.load() < slow_after) continue;
    sender->asked = true;  // before it is, on its thread
    try {
      boost::asio::post(sender->executor, [sender] {
        if (sender->give_way) sender->give_way();
      });
    } catch (...) {
      sender->asked = false;
      throw;
    }
    ++asked.now;
  }
  asked.any = asked.now > 0;
  return asked;
}

bool Shortage::relieve(SteadyTime now) {
  const WaitingSenders::Asked asked = senders_.ask_slowest(now);
  if (asked.now > 0 || !asked.any) report(asked.now, !asked.any, now);
  return asked.any;
}

void Shortage::report(std::size_t cut, bool refused, SteadyTime now) {
  std::size_t cut_since = 0;
  std::size_t refused_since = 0;
  {
    const LockGuard lock(mutex_);
    cut_ += cut;
    refused_ += refused ? 1 : 0;
    if (now < next_line_) return;
    next_line_ = now + between_lines;
    cut_since = std::exchange(cut_, 0);
    refused_since = std::exchange(refused_, 0);
  }
  log_event(
      spdlog::level::warn, "memory-pressure",
      "memory: answers fill cache.max_memory and cache.max_transient; since the last such line {} clients "
      "that took nothing were cut, and {} times there was no room",
      cut_since, refused_since)
      .with("clients_cut", cut_since)
      .with("refused", refused_since)
      .log();
}

}  // namespace roktcached::net
