#include "config/mistakes.h"

#include <algorithm>
#include <numeric>

namespace roktcached::config {

namespace {

/// Levenshtein distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0U);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

void Mistakes::add(const std::string& where, const std::string& what) {
  std::string line = where + ": " + what;
  std::ranges::replace_if(
      line, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  lines_.push_back(std::move(line));
}

std::string Mistakes::text() const {
  std::string text;
  for (const auto& line : lines_) text.append(text.empty() ? "" : "\n").append(line);
  return text;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string* best = nullptr;
  std::size_t nearest = word.size() / 2 + 1;
  for (const auto& candidate : candidates) {
    const std::size_t away = distance(word, candidate);
    if (away >= nearest) continue;
    nearest = away;
    best = &candidate;
  }
  return best == nullptr ? "" : "; did you mean " + *best + "?";
}

}  // namespace roktcached::config
