#include "server/session/request_context.h"

#include "server/runtime.h"

namespace roktcached::session {

namespace {

/// As many as one thread may have in use now and then. A burst of misses needs more, for a while.
constexpr std::size_t kept = 16;

}  // namespace

ContextPool::ContextPool(const Limits& limits) : limits_(limits) {
  free_.reserve(kept);  // what ends a connection gives back, and must not fail
}

std::unique_ptr<RequestContext> ContextPool::borrow() {
  if (free_.empty()) return std::make_unique<RequestContext>(limits_);
  auto request_context = std::move(free_.back());
  free_.pop_back();
  return request_context;
}

void ContextPool::give_back(std::unique_ptr<RequestContext> request_context) {
  // The next connection must not send what is left in it, whatever has gone wrong.
  if (free_.size() >= kept || !request_context->writer.is_empty() || !is_up_to_date(*request_context)) return;
  request_context->reader.wipe();
  free_.push_back(std::move(request_context));
}

}  // namespace roktcached::session
