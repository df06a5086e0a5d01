#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/time.h"

namespace roktcached::commands {

/// The targets that `warm` has to have warmed, and how far it is. Reads no clock. For one thread.
class WarmQueue {
 public:
  explicit WarmQueue(std::vector<std::string> targets);

  /// A target whose warming has ended.
  struct Ended {
    std::string target;
    std::string outcome;  ///< of the admin listener's answer: "fresh", "fetched", "failed"
    std::string detail;
  };

  /// The targets of the next request: as many as should take about a second, by what the last one took.
  [[nodiscard]] std::vector<std::string> take();

  /// The targets of the last take() have been answered. Those that were busy come again, at the end.
  /// @param answer  the JSON of `POST /warm`
  /// @param took    how long the request took
  /// @return those that have ended
  [[nodiscard]] std::vector<Ended> settle(const boost::json::value& answer, std::chrono::milliseconds took);

  [[nodiscard]] bool finished() const { return waiting_.empty(); }
  [[nodiscard]] std::size_t total() const { return total_; }
  [[nodiscard]] std::size_t ended() const { return total_ - waiting_.size(); }
  [[nodiscard]] std::uint64_t count(std::string_view outcome) const;
  /// How many targets have ended, but are not in the cache now.
  [[nodiscard]] std::uint64_t not_warm() const;
  /// How long to wait before the next request; zero: nothing was busy.
  [[nodiscard]] std::chrono::milliseconds pause() const { return pause_; }

 private:
  std::deque<std::string> waiting_;
  std::size_t total_;
  std::size_t batch_ = 1;
  std::size_t taken_ = 0;  // of waiting_, the first: they are asked for now
  std::chrono::milliseconds pause_{0};
  std::map<std::string, std::uint64_t, std::less<>> counts_;
};

/// Reads targets, one a line, from a file or from standard input ("-"). Lines that are empty or begin with
/// '#' say nothing; white space at both ends, too.
/// @return invalid_request, naming the file
[[nodiscard]] Result<std::vector<std::string>> read_targets(const std::string& file);

/// How fast it goes: of the last ten seconds.
class WarmRate {
 public:
  void note(SteadyTime now, std::size_t ended);
  /// Targets a second; 0: not known yet.
  [[nodiscard]] double per_second() const;

 private:
  std::deque<std::pair<SteadyTime, std::size_t>> samples_;
};

/// A line of at most line_width characters: bar, how far, rate, the time that is left, and the budget.
[[nodiscard]] std::string progress_text(std::size_t ended, std::size_t total, double per_second,
                                        std::string_view budget);

}  // namespace roktcached::commands
