#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "server/http/message.h"

namespace roktcached {

/// The one place where an Error becomes an HTTP answer: status, problem type (RFC 9457), Proxy-Status (RFC
/// 9209), and Allow or Retry-After where they help.
/// @param error        a method_not_allowed error's context is the value for Allow
/// @param request_id   repeated in the body, so that a pasted error can be found in the logs
/// @param retry_after  when waiting helps; rounded up to whole seconds
[[nodiscard]] http::Answer problem(const Error& error, std::string_view request_id,
                                   std::optional<std::chrono::milliseconds> retry_after = std::nullopt);

/// The name in the type of an answer that problem() has made, such as "upstream-timeout"; empty for others.
[[nodiscard]] std::string_view problem_name(const http::Answer& answer);

}  // namespace roktcached
