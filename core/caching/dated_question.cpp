#include "core/caching/dated_question.h"

#include <xxhash.h>

#include <algorithm>
#include <array>

#include "core/formats/json_text.h"

namespace roktcached::caching {

namespace {

constexpr std::size_t day_size = std::string_view("YYYY-MM-DD").size();

/// The three of a canonical target's parameters that say which days it asks for; empty if it has none of
/// that name.
struct Days {
  std::string_view start;
  std::string_view end;
  std::string_view time_zone;

  [[nodiscard]] bool are_known() const { return !start.empty() && !end.empty() && !time_zone.empty(); }
};

/// They stand in front, so that one look at the first few parameters finds them: this is on the way of a
/// miss.
Days days_in(std::string_view target) {
  Days days;
  target.remove_prefix(std::min(target.find('?'), target.size()));
  while (!target.empty() && !days.are_known()) {
    target.remove_prefix(1);  // '?' or '&'
    const std::string_view pair = target.substr(0, target.find('&'));
    target.remove_prefix(pair.size());
    const auto take = [pair](std::string_view name, std::string_view& value) {
      if (pair.starts_with(name)) value = pair.substr(name.size());
    };
    take("dateStart=", days.start);
    take("dateEnd=", days.end);
    take("timeZoneVariation=", days.time_zone);
  }
  return days;
}

/// The text that a member of a canonical JSON object has, without its quotes; empty if it is no text, or
/// has escapes, or is not there.
std::string_view member(std::string_view json, std::string_view name) {
  formats::JsonText text(json);
  formats::JsonMembers members(text);
  formats::JsonMember one;
  while (members.next(one)) {
    if (one.name.substr(1, one.name.size() - 2) != name) continue;
    const bool plain = one.value.front() == '"' && one.value.find('\\') == std::string_view::npos;
    return plain ? one.value.substr(1, one.value.size() - 2) : std::string_view();
  }
  return {};
}

/// In a canonical target the name of a zone has no octet encoded but '+'.
std::string decoded_zone(std::string_view value) {
  if (value.find('%') == std::string_view::npos) return std::string(value);
  std::string zone;
  for (std::size_t at = 0; at < value.size(); ++at) {
    const bool plus = value.substr(at, 3) == "%2B";
    zone += plus ? '+' : value[at];
    if (plus) at += 2;
  }
  return zone;
}

}  // namespace

std::optional<DatedQuestion> DatedQuestion::of(const Key& key) {
  DatedQuestion question;
  question.text_ = key.text();
  const KeyParts parts = parts_of(key);
  question.target_ = parts.target;
  question.version_ = parts.rokt_version;
  question.content_ = parts.content;
  if (question.content_.empty()) {
    const Days days = days_in(question.target_);
    question.start_ = days.start;
    question.end_ = days.end;
    question.spelled_zone_ = days.time_zone;
  } else {
    question.start_ = member(question.content_, "startDate");
    question.end_ = member(question.content_, "endDate");
    question.spelled_zone_ = member(question.content_, "timezoneVariation");
  }
  const bool whole = question.start_.size() >= day_size && question.end_.size() >= day_size &&
                     !question.spelled_zone_.empty();
  if (!whole || rokt::has_placeholder(key.text())) return std::nullopt;
  return question;
}

std::string DatedQuestion::time_zone() const {
  return content_.empty() ? decoded_zone(spelled_zone_) : std::string(spelled_zone_);
}

KeyHash DatedQuestion::hash_without_days() const {
  const std::string_view first =
      std::min(start_, end_, [](auto left, auto right) { return left.data() < right.data(); });
  const std::string_view second = first.data() == start_.data() ? end_ : start_;
  const auto size_to = [](const char* from, const char* to) { return static_cast<std::size_t>(to - from); };
  const std::array<std::string_view, 3> parts = {
      text_.substr(0, size_to(text_.data(), first.data())),
      {first.data() + day_size, size_to(first.data() + day_size, second.data())},
      text_.substr(size_to(text_.data(), second.data() + day_size))};
  XXH128_hash_t hash{};
  for (const std::string_view part : parts)
    hash = XXH3_128bits_withSeed(part.data(), part.size(), hash.low64 ^ (hash.high64 << 1));
  return {hash.high64, hash.low64};
}

QuestionTemplate DatedQuestion::with(const rokt::RelativeRange& range) const {
  const std::string start = range.start.text() + std::string(start_.substr(day_size));
  const std::string end = range.end.text() + std::string(end_.substr(day_size));
  QuestionTemplate question;
  question.target = content_.empty() ? replaced(target_, start, end) : std::string(target_);
  question.content = content_.empty() ? std::string() : replaced(content_, start, end);
  question.rokt_version = version_;
  question.time_zone = time_zone();
  return question;
}

/// `text`, which holds both dates, with others in their place.
std::string DatedQuestion::replaced(std::string_view text, const std::string& start,
                                    const std::string& end) const {
  const bool start_first = start_.data() < end_.data();
  const std::string_view first = start_first ? start_ : end_;
  const std::string_view second = start_first ? end_ : start_;
  std::string result(text.data(), first.data());
  result.append(start_first ? start : end);
  result.append(first.data() + first.size(), second.data());
  result.append(start_first ? end : start);
  return result.append(second.data() + second.size(), text.data() + text.size());
}

}  // namespace roktcached::caching
