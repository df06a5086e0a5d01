#include "core/http/retry_after.h"

#include <algorithm>
#include <charconv>

#include "core/http/date.h"

namespace roktcached::http {

std::optional<std::chrono::milliseconds> retry_after_of(const Fields& response, WallTime now) {
  constexpr std::chrono::seconds longest{std::int64_t{1} << 31};
  if (response.count("Retry-After") != 1) return std::nullopt;
  const std::string_view value = trimmed(*response.find("Retry-After"));
  const bool digits =
      !value.empty() && std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
  if (digits) {
    std::int64_t delay = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), delay);
    return error == std::errc() ? std::min(std::chrono::seconds{delay}, longest) : longest;
  }
  const auto date = parse_date(value, now);
  if (!date) return std::nullopt;
  return std::max(*date - now, std::chrono::milliseconds{0});
}

}  // namespace roktcached::http
