#include "server/proxy/disk_lookups.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "server/asio.h"

namespace roktcached::proxy {

using caching::StoredResponsePtr;

namespace {

/// An error is a miss, but for a want of room.
LookedUp told_by(Result<StoredResponsePtr> found) {
  if (found) return {.response = std::move(*found)};
  const bool no_room = found.error().code == ErrorCode::overloaded;
  return {.response = nullptr, .no_room = no_room, .soon = no_room && found.error().retryable};
}

}  // namespace

/// Its members but `lookup` are used on the waiter's own thread alone.
struct DiskLookups::Waiter {
  explicit Waiter(const asio::any_io_executor& executor) : timer(executor) {}
  asio::steady_timer timer;
  bool answered = false;
  LookedUp found;
  LookupPtr lookup;  // under the mutex
};

struct DiskLookups::Lookup {
  caching::Key key;
  WallTime now;
  std::uint64_t version = 0;  // when the read began
  bool reading = false;
  bool hanging = false;
  std::vector<WaiterPtr> waiters;
};

DiskLookups::DiskLookups(asio::any_io_executor threads, Limits limits, Read read, Version version)
    : threads_(std::move(threads)), limits_(limits), read_(std::move(read)), version_(std::move(version)) {}

DiskLookups::~DiskLookups() = default;

asio::awaitable<LookedUp> DiskLookups::find(caching::Key key, WallTime now) {
  const auto executor = co_await asio::this_coro::executor;
  const auto waiter = std::make_shared<Waiter>(executor);
  waiter->timer.expires_after(limits_.timeout);
  if (!join(key, now, waiter)) co_return LookedUp();
  boost::system::error_code ignored;
  co_await waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  if (!waiter->answered) leave(waiter);
  co_return std::move(waiter->found);
}

/// A look-up under way may have read already, so that who comes after a put or a purge must not share it.
/// @return false if there are too many
bool DiskLookups::join(const caching::Key& key, WallTime now, const WaiterPtr& waiter) {
  LookupPtr lookup;
  {
    const LockGuard lock(mutex_);
    const auto found = by_key_.find(key.hash());
    if (found != by_key_.end() && found->second->key == key) {
      const LookupPtr& same = found->second;
      if (!same->reading || same->version == version_(key)) {
        same->waiters.push_back(waiter);
        waiter->lookup = same;
        return true;
      }
    }
    if (lookups_ >= limits_.lookups || hanging_ >= limits_.threads) return false;
    lookup = std::make_shared<Lookup>(Lookup{.key = key, .now = now, .waiters = {waiter}});
    by_key_.insert_or_assign(key.hash(), lookup);
    waiter->lookup = lookup;
    ++lookups_;
  }
  try {
    asio::post(threads_, [this, lookup] { run(lookup); });
  } catch (...) {
    static_cast<void>(end(lookup));
    throw;
  }
  return true;
}

void DiskLookups::leave(const WaiterPtr& waiter) {
  const LockGuard lock(mutex_);
  const LookupPtr lookup = std::move(waiter->lookup);
  if (!lookup) return;
  std::erase(lookup->waiters, waiter);
  if (!lookup->reading || !lookup->waiters.empty() || lookup->hanging) return;
  lookup->hanging = true;
  ++hanging_;
}

/// On a thread of the pool, whose root it is.
void DiskLookups::run(const LookupPtr& lookup) noexcept {
  LookedUp looked_up;
  try {
    if (begin(lookup)) {
      looked_up = told_by(read_(lookup->key, lookup->now));
    }
  } catch (...) {  // a miss
  }
  for (const WaiterPtr& waiter : end(lookup)) {
    try {
      asio::post(waiter->timer.get_executor(), [waiter, looked_up] {
        waiter->found = looked_up;
        waiter->answered = true;
        waiter->timer.cancel();
      });
    } catch (...) {  // its timer wakes it
    }
  }
}

/// @return false if nobody waits for it any more
bool DiskLookups::begin(const LookupPtr& lookup) {
  const LockGuard lock(mutex_);
  if (lookup->waiters.empty()) return false;
  lookup->version = version_(lookup->key);
  lookup->reading = true;
  return true;
}

/// @return who waits for it
std::vector<DiskLookups::WaiterPtr> DiskLookups::end(const LookupPtr& lookup) {
  const LockGuard lock(mutex_);
  --lookups_;
  if (lookup->hanging) --hanging_;
  const auto found = by_key_.find(lookup->key.hash());
  if (found != by_key_.end() && found->second == lookup) by_key_.erase(found);
  for (const WaiterPtr& waiter : lookup->waiters) waiter->lookup = nullptr;
  return std::move(lookup->waiters);
}

}  // namespace roktcached::proxy
