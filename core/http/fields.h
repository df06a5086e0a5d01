#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace roktcached::http {

/// ASCII case-insensitive equality, as field names and tokens are compared (RFC 9110, section 5.1).
[[nodiscard]] bool equal_ignoring_case(std::string_view left, std::string_view right);

/// `text` without leading and trailing spaces and tabs (OWS, RFC 9110, section 5.6.3).
[[nodiscard]] std::string_view trimmed(std::string_view text);

/// The members of a comma-separated list field value, each trimmed, empty ones dropped; commas inside a
/// quoted-string do not split (RFC 9110, section 5.6.1). The views point into `value`.
[[nodiscard]] std::vector<std::string_view> list_members(std::string_view value);

/// True if `text` is a non-empty token (RFC 9110, section 5.6.2).
[[nodiscard]] bool is_token(std::string_view text);

/// True if `value` may stand as a field value: visible ASCII, space, tab and obs-text; no CR, LF or NUL
/// (RFC 9110, section 5.5).
[[nodiscard]] bool is_field_value(std::string_view value);

struct Field {
  std::string name;
  std::string value;
};

/// The fields of one message's header section, in the order they came. A plain value; not thread-safe.
class Fields {
 public:
  /// Appends a field line; an equal name before it stays.
  void add(std::string_view name, std::string_view value);
  /// Replaces every field of this name by one.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);

  /// The first field line of this name, if any. The view lives as long as this object is unchanged.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  [[nodiscard]] bool contains(std::string_view name) const { return find(name).has_value(); }
  [[nodiscard]] std::size_t count(std::string_view name) const;
  /// All field lines of this name joined by ", " (RFC 9110, section 5.3); empty if there is none.
  [[nodiscard]] std::string combined(std::string_view name) const;

  [[nodiscard]] const std::vector<Field>& all() const { return fields_; }
  [[nodiscard]] bool empty() const { return fields_.empty(); }

  /// "Name: value\r\n" for every field, in order.
  [[nodiscard]] std::string to_lines() const;
  /// Reads back what to_lines wrote.
  [[nodiscard]] static Fields from_lines(std::string_view lines);

 private:
  std::vector<Field> fields_;
};

/// True for fields that are meant for one connection and are never passed on: the hop-by-hop fields of RFC
/// 9110, section 7.6.1, with Keep-Alive, Proxy-Connection, Proxy-Authenticate, Proxy-Authorization and
/// Proxy-Authentication-Info. Fields that Connection nominates come on top: see nominated_by_connection.
[[nodiscard]] bool is_hop_by_hop(std::string_view name);

/// True if a Connection field of `fields` nominates `name` (RFC 9110, section 7.6.1).
[[nodiscard]] bool nominated_by_connection(const Fields& fields, std::string_view name);

}  // namespace roktcached::http
