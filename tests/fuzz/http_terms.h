#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "core/time.h"
#include "tests/fuzz/http_messages.h"

namespace roktcached::fuzz {

// The terms of RFC 9111 that HttpModel is written in; sections are that RFC's.

/// Section 1.2.2: what is larger than can be held is held to 2^31.
[[nodiscard]] std::chrono::milliseconds span_of(std::int64_t delta_seconds);

[[nodiscard]] const ResponseControl& control_of(const AnswerFields& fields);

/// Section 4.2.1: values of one directive that differ make the response stale.
[[nodiscard]] std::optional<std::chrono::milliseconds> max_age_of(const ResponseControl& control);

[[nodiscard]] bool is_heuristically_cacheable(unsigned status);  // RFC 9110, section 15.1

[[nodiscard]] std::set<std::string> names_of(const AnswerFields& fields);

/// Section 4.1: whether two requests say the same in the fields that a Vary names.
[[nodiscard]] bool agree_in(const std::set<std::string>& names, const HttpRequest& one,
                            const HttpRequest& other);

[[nodiscard]] bool retrieves(const HttpRequest& request);

[[nodiscard]] bool allows_max_stale(const RequestControl& control, std::chrono::milliseconds stale_for);

/// Section 4.2.4: what forbids serving a response stale; s-maxage does as proxy-revalidate
/// (section 5.2.2.10).
[[nodiscard]] bool forbids_stale(const ResponseControl& control);

/// The clock was set back since: how old this is cannot be told. Choice: clocks may differ by five seconds.
[[nodiscard]] bool from_the_future(WallTime made_at, WallTime now);

}  // namespace roktcached::fuzz
