#include "server/session/request_context.h"

#include "server/runtime.h"

namespace roktcached::session {

namespace {

/// As many as one thread may have in use now and then. A burst of misses needs more, for a while.
constexpr std::size_t kept = 16;

}  // namespace

ContextPool::ContextPool(const Limits& limits, net::WaitingSenders* senders)
    : limits_(limits), senders_(senders) {
  free_.reserve(kept);  // what ends a connection gives back, and must not fail
}

std::unique_ptr<RequestContext> ContextPool::borrow() {
  if (free_.empty()) return make();
  auto bench = std::move(free_.back());
  free_.pop_back();
  return bench;
}

void ContextPool::give_back(std::unique_ptr<RequestContext> bench) {
  // Whoever has it next must not send what is left on it, whatever has gone wrong.
  if (free_.size() >= kept || !bench->writer.is_empty() || !is_up_to_date(*bench)) return;
  bench->reader.wipe();
  bench->writer.change_client();
  free_.push_back(std::move(bench));
}

}  // namespace roktcached::session
