#include "server/commands/warm_queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <cerrno>
#include <fstream>
#include <iostream>
#include <iterator>
#include <system_error>

#include "core/http/fields.h"
#include "core/number.h"
#include "server/admin/warm_request.h"
#include "server/commands/json_values.h"
#include "server/commands/text.h"

namespace roktcached::commands {

namespace {

/// A request takes about so long, so that the progress moves and an interruption costs little.
constexpr std::chrono::milliseconds request_time{1000};
/// Bytes of targets in one request: well below what a listener takes.
constexpr std::size_t most_bytes = std::size_t{16} << 10;
constexpr std::chrono::milliseconds shortest_pause{200};
constexpr std::chrono::milliseconds longest_pause{5000};
constexpr std::chrono::seconds rate_window{10};
constexpr std::size_t bar_width = 20;

}  // namespace

WarmQueue::WarmQueue(std::vector<std::string> targets)
    : waiting_(std::make_move_iterator(targets.begin()), std::make_move_iterator(targets.end())),
      total_(waiting_.size()) {}

std::vector<std::string> WarmQueue::take() {
  std::vector<std::string> targets;
  std::size_t bytes = 0;
  for (const std::string& target : waiting_) {
    bytes += target.size();
    if (targets.size() == batch_ || (!targets.empty() && bytes > most_bytes)) break;
    targets.push_back(target);
  }
  taken_ = targets.size();
  return targets;
}

std::vector<WarmQueue::Ended> WarmQueue::settle(const boost::json::value& answer,
                                                std::chrono::milliseconds took) {
  std::vector<Ended> ended;
  pause_ = std::chrono::milliseconds{0};
  const boost::json::array& outcomes = array_at(answer, {"targets"});
  for (std::size_t i = 0; i < taken_; ++i) {
    std::string target = std::move(waiting_.front());
    waiting_.pop_front();
    const boost::json::value none;
    const boost::json::value& told = i < outcomes.size() ? outcomes[i] : none;
    const std::string outcome = text_at(told, {"outcome"});
    if (outcome == "busy" || outcome.empty()) {
      const std::chrono::milliseconds asked{count_at(told, {"retry_after_ms"})};
      pause_ = std::max(pause_, std::clamp(asked, shortest_pause, longest_pause));
      waiting_.push_back(std::move(target));
      continue;
    }
    ++counts_[outcome];
    // As the daemon says it: without an API key.
    const std::string said = text_at(told, {"target"});
    ended.push_back({said.empty() ? std::move(target) : said, outcome, text_at(told, {"detail"})});
  }
  taken_ = 0;
  if (took < request_time / 2) batch_ = std::min(batch_ * 2, admin::most_warmed);
  if (took > request_time * 2) batch_ = std::max<std::size_t>(batch_ / 2, 1);
  return ended;
}

std::uint64_t WarmQueue::count(std::string_view outcome) const {
  const auto found = counts_.find(outcome);
  return found == counts_.end() ? 0 : found->second;
}

std::uint64_t WarmQueue::not_warm() const {
  return ended() - count("fresh") - count("fetched") - count("confirmed");
}

Result<std::vector<std::string>> read_targets(const std::string& file) {
  std::ifstream opened;
  if (file != "-") {
    errno = 0;
    opened.open(file);
  }
  std::istream& stream = file == "-" ? std::cin : opened;
  std::vector<std::string> targets;
  for (std::string line; std::getline(stream, line);) {
    const std::string_view target = http::trimmed(std::string_view(line).substr(0, line.find('\r')));
    if (!target.empty() && target.front() != '#') targets.emplace_back(target);
  }
  if (stream.eof() && !stream.bad()) return targets;
  const std::string why = errno == 0 ? "cannot be read" : std::generic_category().message(errno);
  return Error{ErrorCode::invalid_request, false,
               file + ": " + why + "; accepted: a file with a target on each line, or \"-\""};
}

void WarmRate::note(SteadyTime now, std::size_t ended) {
  samples_.emplace_back(now, ended);
  while (samples_.size() > 2 && now - samples_.front().first > rate_window) samples_.pop_front();
}

double WarmRate::per_second() const {
  if (samples_.size() < 2) return 0;
  const std::chrono::duration<double> time = samples_.back().first - samples_.front().first;
  const auto count = static_cast<double>(samples_.back().second - samples_.front().second);
  return time.count() <= 0 ? 0 : count / time.count();
}

std::string progress_text(std::size_t ended, std::size_t total, double per_second, std::string_view budget) {
  const std::size_t filled = total == 0 ? bar_width : bar_width * ended / total;
  std::string left = "-";
  if (per_second > 0) {
    const std::chrono::duration<double> seconds(static_cast<double>(total - ended) / per_second);
    left = duration_text(std::chrono::ceil<std::chrono::seconds>(seconds));
  }
  return fitted(fmt::format("[{}{}] {}/{}  {:.1f}/s  ETA {}  {}", std::string(filled, '#'),
                            std::string(bar_width - filled, '.'), grouped(ended), grouped(total), per_second,
                            left, budget));
}

}  // namespace roktcached::commands
