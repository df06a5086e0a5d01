#include "server/admin/history.h"

namespace roktcached::admin {

namespace {

void keep(std::deque<HistorySample>& samples, const HistorySample& sample, std::size_t most) {
  while (!samples.empty() && samples.back().at >= sample.at) samples.pop_back();
  samples.push_back(sample);
  if (samples.size() > most) samples.pop_front();
}

}  // namespace

void History::add(const HistorySample& sample, SteadyTime now) {
  keep(hour_, sample, hour.most);
  if (next_of_day_ && now < *next_of_day_) return;
  keep(day_, sample, day.most);
  // In step with the first one, however late a sample comes; after a pause, from now on.
  next_of_day_ =
      next_of_day_ && now < *next_of_day_ + day.every ? *next_of_day_ + day.every : now + day.every;
}

}  // namespace roktcached::admin
