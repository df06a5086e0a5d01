#include "core/http/max_forwards.h"

#include <charconv>
#include <limits>

#include "core/http/octets.h"

namespace roktcached::http {

std::optional<std::uint32_t> max_forwards(std::string_view method, const Fields& request) {
  const auto field = request.find("Max-Forwards");
  if (!field || (method != "OPTIONS" && method != "TRACE")) return std::nullopt;
  const std::string_view value = trimmed(*field);
  const bool digits = !value.empty() && run_end(Octet::digit, value, 0) == value.size();
  if (!digits || request.count("Max-Forwards") > 1) return std::nullopt;
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  return error == std::errc() ? number : std::numeric_limits<std::uint32_t>::max();
}

}  // namespace roktcached::http
