#pragma once

#include <chrono>
#include <string>

namespace roktcached::caching {

/// A question with placeholders for days, as rokt::fill_dates has them, in `target` and `content`. With the
/// dates filled in it is another question on each day.
struct QuestionTemplate {
  std::string target;        ///< PATH?QUERY
  std::string rokt_version;  ///< as it stands in a key
  std::string content;       ///< of a query, else empty
  std::string time_zone;     ///< on whose clock the days are; an IANA name
  friend bool operator==(const QuestionTemplate&, const QuestionTemplate&) = default;
};

/// A warming that the operator names: a question, and when on each day it is to be in the cache.
struct NamedWarming {
  QuestionTemplate question;
  std::chrono::minutes at{0};  ///< since midnight, on the clock of its zone
  friend bool operator==(const NamedWarming&, const NamedWarming&) = default;
};

/// How reports are fetched before anybody asks for them.
struct WarmingRules {
  bool learn = true;  ///< what clients ask for day after day with dates that move is fetched, too
  std::chrono::milliseconds settling_time = std::chrono::hours{2};  ///< from midnight to the first fetch
};

}  // namespace roktcached::caching
