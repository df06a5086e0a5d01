#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/mutex.h"
#include "core/time.h"
#include "server/http/message.h"

namespace roktcached::counters {

/// A request that did not end well, for people to look at. It holds nothing of the request's target, fields
/// or content, except the caller's name, as /status shows it.
struct Problem {
  WallTime at;  ///< of the last one
  std::string client;
  std::string route;  ///< "-" where none matched
  http::CacheOutcome outcome = http::CacheOutcome::failed;
  unsigned status = 0;
  std::string reason;       ///< the name of the problem; empty: the upstream's own answer
  std::uint64_t times = 1;  ///< one after the other, alike in all but the time
};

/// The last problems of one client thread. The same problem again only counts. To add one takes no memory,
/// since failing memory is a problem, too. add is for the owning thread, read for any.
class RecentProblems {
 public:
  static constexpr std::size_t kept = 50;

  /// @param route   Route::name, of the table; empty if none matched
  /// @param reason  of a fixed set; empty: none
  void add(WallTime at, std::string_view client, std::string_view route, http::CacheOutcome outcome,
           unsigned status, std::string_view reason);
  /// The oldest first.
  [[nodiscard]] std::vector<Problem> read() const;

 private:
  /// The beginning of a text.
  class Beginning {
   public:
    void assign(std::string_view text) {
      size_ = std::min(text.size(), bytes_.size());
      std::copy_n(text.begin(), size_, bytes_.begin());
    }
    [[nodiscard]] std::string_view view() const { return {bytes_.data(), size_}; }
    [[nodiscard]] bool begins(std::string_view text) const { return text.substr(0, bytes_.size()) == view(); }

   private:
    std::array<char, 64> bytes_{};
    std::size_t size_ = 0;
  };
  struct Row {
    WallTime at;
    Beginning client;
    Beginning route;
    Beginning reason;
    http::CacheOutcome outcome = http::CacheOutcome::failed;
    unsigned status = 0;
    std::uint64_t times = 0;
  };

  mutable Mutex mutex_;
  std::array<Row, kept> rows_ GUARDED_BY(mutex_);
  std::uint64_t added_ GUARDED_BY(mutex_) = 0;  // rows, so far; the last one is at added_ - 1, modulo kept
};

/// The problems of several threads as one list, the last one first, RecentProblems::kept at the most.
[[nodiscard]] std::vector<Problem> last_of(std::vector<Problem> problems);

}  // namespace roktcached::counters
