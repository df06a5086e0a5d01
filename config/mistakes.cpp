#include "config/mistakes.h"

#include <algorithm>

#include "core/edit_distance.h"
#include "core/printable.h"

namespace roktcached::config {

void Mistakes::add(const std::string& where, const std::string& what) {
  lines_.push_back(printable(where + ": " + what));
}

std::string Mistakes::text() const {
  std::string text;
  for (const auto& line : lines_) text.append(text.empty() ? "" : "\n").append(line);
  return text;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& candidates) {
  // A secret in the place of the file that holds it is the likeliest slip.
  const std::string file = std::string(word) + "_file";
  if (std::ranges::find(candidates, file) != candidates.end()) return "; did you mean " + file + "?";
  const std::string* best = nullptr;
  std::size_t nearest = word.size() / 2 + 1;
  for (const auto& candidate : candidates) {
    const std::size_t away = edit_distance(word, candidate);
    if (away >= nearest) continue;
    nearest = away;
    best = &candidate;
  }
  return best == nullptr ? "" : "; did you mean " + *best + "?";
}

std::string suggestion_or_all(std::string_view word, const std::vector<std::string>& candidates) {
  std::string text = suggestion(word, candidates);
  if (!text.empty()) return text;
  for (const auto& candidate : candidates)
    text.append(text.empty() ? "; accepted: " : ", ").append(candidate);
  return text;
}

}  // namespace roktcached::config
