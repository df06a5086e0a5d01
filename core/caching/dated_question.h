#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/caching/key.h"
#include "core/caching/warming_rules.h"
#include "core/rokt/date_template.h"

namespace roktcached::caching {

/// Finds the dates and the zone of a question in its key. Views into the key's text.
class DatedQuestion {
 public:
  /// @param key  of a report or query route; outlives what is returned
  /// @return nothing if one of the three is missing or written with escapes, or where the text itself has
  ///         what would be a placeholder
  [[nodiscard]] static std::optional<DatedQuestion> of(const Key& key);

  [[nodiscard]] std::string_view date_start() const { return start_; }
  [[nodiscard]] std::string_view date_end() const { return end_; }
  /// The name of the zone as it stands in the key.
  [[nodiscard]] std::string_view spelled_zone() const { return spelled_zone_; }
  /// Percent-decoded.
  [[nodiscard]] std::string time_zone() const;

  /// The hash of the key without the days: the question of each day has the same one. Times of day belong to
  /// it.
  [[nodiscard]] KeyHash hash_without_days() const;

  /// The question with placeholders for its days.
  [[nodiscard]] QuestionTemplate with(const rokt::RelativeRange& range) const;

 private:
  DatedQuestion() = default;
  [[nodiscard]] std::string replaced(std::string_view text, const std::string& start,
                                     const std::string& end) const;

  std::string_view text_;  // of the key
  std::string_view target_;
  std::string_view version_;
  std::string_view content_;
  std::string_view start_;  // in `target_`, or in `content_`
  std::string_view end_;    // likewise
  std::string_view spelled_zone_;
};

}  // namespace roktcached::caching
