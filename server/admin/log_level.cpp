#include "server/admin/log_level.h"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <string>

namespace roktcached::admin {

namespace json = boost::json;

Result<config::LogLevel> parse_log_level(std::string_view content) {
  using config::LogLevel;
  boost::system::error_code error;
  const json::value parsed = json::parse(content, error);
  const json::value* level = nullptr;
  if (!error && parsed.is_object() && parsed.get_object().size() == 1)
    level = parsed.get_object().if_contains("level");
  const std::string_view word =
      level != nullptr && level->is_string() ? std::string_view(level->get_string()) : "";
  for (const LogLevel known :
       {LogLevel::trace, LogLevel::debug, LogLevel::info, LogLevel::warn, LogLevel::error}) {
    if (config::to_string(known) == word) return known;
  }
  constexpr std::size_t longest_quote = 80;
  return Error{ErrorCode::invalid_request, false,
               "content: " + std::string(content.substr(0, longest_quote)) +
                   R"(; accepted: {"level": "debug"}, or "trace", "info", "warn", "error")"};
}

}  // namespace roktcached::admin
