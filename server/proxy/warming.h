#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/time.h"
#include "server/proxy/cache_request.h"
#include "server/proxy/fetch/fetch_table.h"
#include "server/runtime.h"
#include "server/upstream/upstream.h"
#include "storage/response_store.h"

namespace roktcached::proxy {

/// How warming a target has ended.
enum class Warmth : std::uint8_t {
  fresh,       ///< it was in the cache already, and has cost nothing
  fetched,     ///< it was fetched, and is in the cache now
  confirmed,   ///< it was stale, and the upstream has confirmed it
  not_stored,  ///< it was fetched, and is not kept
  refused,     ///< the target itself is not acceptable, or on no route that can be warmed
  failed,      ///< the upstream gave no answer, or an error
  busy,        ///< the upstream has something better to do: again later
};
inline constexpr std::size_t warmth_count = static_cast<std::size_t>(Warmth::busy) + 1;

/// "fresh", "not-stored" and so on; lives for ever.
[[nodiscard]] std::string_view to_string(Warmth warmth);

struct Warmed {
  Warmth warmth = Warmth::failed;
  std::string detail = {};  ///< why, for a person; empty if the word says it
  std::optional<std::chrono::milliseconds> retry_after = {};
};

/// Brings reports into the cache before anybody asks for them: as refresh-ahead does, when the upstream has
/// nothing better to do, and behind everybody who waits. Any thread may call it; it outlives its coroutines.
class Warming {
 public:
  /// @param upstream_executor  of the upstream thread
  /// @param files              where look-ups may wait for the cache file
  /// @param patience           how long one waits for the upstream to be idle; then it is `busy`
  /// All references outlive it.
  Warming(FetchTable& fetches, const upstream::Upstream& upstream, storage::ResponseStore& store,
          boost::asio::any_io_executor upstream_executor, boost::asio::any_io_executor files,
          const Clock& clock, std::chrono::milliseconds patience);

  /// Resumes on the caller's executor.
  [[nodiscard]] boost::asio::awaitable<Warmed> warm(RuntimePtr runtime, CacheRequestPtr cache_request) const;

 private:
  [[nodiscard]] boost::asio::awaitable<caching::StoredResponsePtr> look_up(caching::Key key) const;
  [[nodiscard]] boost::asio::awaitable<Warmed> fetch(std::unique_ptr<FetchRequest> request) const;
  [[nodiscard]] boost::asio::awaitable<bool> wait_until_idle(std::size_t credential) const;

  FetchTable& fetches_;
  const upstream::Upstream& upstream_;
  storage::ResponseStore& store_;
  const boost::asio::any_io_executor upstream_executor_;
  const boost::asio::any_io_executor files_;
  const Clock& clock_;
  const std::chrono::milliseconds patience_;
};

}  // namespace roktcached::proxy
