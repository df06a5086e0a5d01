#include "config/setting_kinds.h"

#include "config/values.h"

namespace roktcached::config {

using std::chrono::milliseconds;

Setting duration(std::string_view name, Field<milliseconds> field, milliseconds least,
                 std::optional<milliseconds> most) {
  const std::string accepted = std::string(accepted_durations) +
                               (most ? ", from " + format_duration(least) + " to " + format_duration(*most)
                                     : ", at least " + format_duration(least));
  return make<milliseconds>(
      name, ValueKind::text, accepted, std::move(field),
      [least, most](const RawValue& raw) {
        const auto value = from_text(parse_duration)(raw);
        return value && *value >= least && (!most || *value <= *most) ? value : std::nullopt;
      },
      [](const milliseconds& value) -> RawValue { return format_duration(value); });
}

Setting size(std::string_view name, Field<std::uint64_t> field, std::uint64_t least, std::uint64_t most) {
  const std::string accepted =
      std::string(accepted_sizes) + ", from " + format_size(least) + " to " + format_size(most);
  return make<std::uint64_t>(
      name, ValueKind::text, accepted, std::move(field),
      [least, most](const RawValue& raw) {
        const auto value = from_text(parse_size)(raw);
        return value && *value >= least && *value <= most ? value : std::nullopt;
      },
      [](const std::uint64_t& value) -> RawValue { return format_size(value); });
}

Setting count(std::string_view name, Field<std::uint64_t> field, std::int64_t least, std::int64_t most) {
  const std::string accepted = "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  return make<std::uint64_t>(
      name, ValueKind::integer, accepted, std::move(field),
      [least, most](const RawValue& raw) -> std::optional<std::uint64_t> {
        const auto* value = std::get_if<std::int64_t>(&raw);
        if (value == nullptr || *value < least || *value > most) return std::nullopt;
        return static_cast<std::uint64_t>(*value);
      },
      [](const std::uint64_t& value) -> RawValue { return static_cast<std::int64_t>(value); });
}

Setting rate(std::string_view name, Field<double> field, double least, double most) {
  const std::string accepted = "0, or a number from " + to_toml(least) + " to " + to_toml(most);
  return make<double>(
      name, ValueKind::number, accepted, std::move(field),
      [least, most](const RawValue& raw) -> std::optional<double> {
        const auto value = number_of(raw);
        const bool taken = value && (*value == 0 || (*value >= least && *value <= most));
        return taken ? std::optional(*value + 0.0) : std::nullopt;  // -0 becomes 0
      },
      [](const double& value) -> RawValue { return value; });
}

Setting text(std::string_view name, std::string_view accepted, Field<std::string> field) {
  return make<std::string>(
      name, ValueKind::text, accepted, std::move(field),
      [](const RawValue& raw) -> std::optional<std::string> {
        const auto* value = std::get_if<std::string>(&raw);
        return value == nullptr ? std::nullopt : std::optional(*value);
      },
      [](const std::string& value) -> RawValue { return value; });
}

Setting boolean(std::string_view name, Field<bool> field) {
  return make<bool>(
      name, ValueKind::boolean, "true or false", std::move(field),
      [](const RawValue& raw) -> std::optional<bool> {
        const auto* value = std::get_if<bool>(&raw);
        return value == nullptr ? std::nullopt : std::optional(*value);
      },
      [](const bool& value) -> RawValue { return value; });
}

}  // namespace roktcached::config
