#include "config/fleet_schema.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "config/setting_kinds.h"
#include "config/values.h"
#include "core/ascii.h"

namespace roktcached::config {

using std::chrono::milliseconds;

namespace {

constexpr std::size_t max_name = 64;
constexpr std::size_t max_username = 256;
constexpr std::string_view path_or_nothing = "a path, or \"\"";
constexpr std::string_view pem_or_nothing = "a path to a PEM file, or \"\"";

Setting engine_url() {
  return value_or<EngineUrl>(
      "", "fleet.url", accepted_engine_urls,
      [](Settings& s) -> std::optional<EngineUrl>& { return s.fleet.url; }, parse_engine_url,
      [](const EngineUrl& url) { return to_string(url); });
}

Setting checked_text(std::string_view name, std::string_view accepted, Field<std::string> field,
                     std::optional<std::string> (*parse)(std::string_view)) {
  return make<std::string>(name, ValueKind::text, accepted, std::move(field), from_text(parse),
                           [](const std::string& value) -> RawValue { return value; });
}

/// The engine's own rule: no space and no control character.
std::optional<std::string> parse_username(std::string_view text) {
  const bool plain = std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
  return plain && text.size() <= max_username ? std::optional(std::string(text)) : std::nullopt;
}

std::optional<std::string> parse_instance(std::string_view text) {
  const bool plain = std::ranges::all_of(
      text, [](char c) { return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-'; });
  return plain && text.size() <= max_name ? std::optional(std::string(text)) : std::nullopt;
}

}  // namespace

void add_fleet(std::vector<Setting>& table) {
  table.push_back(engine_url());
  table.push_back(checked_text(
      "fleet.username", "a name of visible ASCII without spaces, or \"\"",
      [](Settings& s) -> std::string& { return s.fleet.username; }, parse_username));
  table.push_back(text("fleet.password_file", path_or_nothing,
                       [](Settings& s) -> std::string& { return s.fleet.password_file; }));
  table.push_back(
      text("fleet.ca_file", pem_or_nothing, [](Settings& s) -> std::string& { return s.fleet.ca_file; }));
  table.push_back(text("fleet.certificate_file", pem_or_nothing,
                       [](Settings& s) -> std::string& { return s.fleet.certificate_file; }));
  table.push_back(
      text("fleet.key_file", pem_or_nothing, [](Settings& s) -> std::string& { return s.fleet.key_file; }));
  table.push_back(text("fleet.entry_key_file", path_or_nothing,
                       [](Settings& s) -> std::string& { return s.fleet.entry_key_file; }));
  table.push_back(count(
      "fleet.expected_instances", [](Settings& s) -> std::uint64_t& { return s.fleet.expected_instances; }, 0,
      10'000));
  table.push_back(duration(
      "fleet.control_timeout", [](Settings& s) -> milliseconds& { return s.fleet.control_timeout; },
      milliseconds{10}, milliseconds{10'000}));
  table.push_back(checked_text(
      "fleet.instance", "1 to 64 of A-Za-z0-9._-, or \"\"",
      [](Settings& s) -> std::string& { return s.fleet.instance; }, parse_instance));
}

}  // namespace roktcached::config
