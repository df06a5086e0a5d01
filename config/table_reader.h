#pragma once

#include <toml++/toml.h>
#include <string>
#include <string_view>
#include <vector>

#include "config/mistakes.h"
#include "config/schema.h"

namespace roktcached::config {

/// Reads the keys of one table of a file, each of its type. Everything else is a mistake, and the fallback is
/// taken. Borrows everything it is given; for one thread.
class TableReader {
 public:
  /// @param section  what mistakes call the table, e.g. "credential"
  /// @param file     for the mistakes' "FILE:LINE"
  TableReader(std::string section, const toml::table& table, const std::string& file, Mistakes& mistakes)
      : section_(std::move(section)), table_(table), file_(file), mistakes_(mistakes) {}

  void check_keys(const std::vector<std::string>& known);
  [[nodiscard]] std::string text(std::string_view key, std::string fallback);
  [[nodiscard]] bool boolean(std::string_view key, bool fallback);
  /// A number, whole or fractional.
  /// @param accepted  which ones `accepts` takes, for the mistake
  [[nodiscard]] double number(std::string_view key, double fallback, bool (*accepts)(double),
                              std::string_view accepted);
  /// @param example  of such a list, for the mistake
  [[nodiscard]] StringList list(std::string_view key, StringList fallback,
                                std::string_view example = R"(["GET"])");
  /// Account ids, each once and as a path can carry it; empty if the key is absent or wrong.
  [[nodiscard]] StringList accounts();
  /// The same where no such key means every account: a list of none is refused, for it would mean that too.
  [[nodiscard]] StringList accounts_or_every();
  /// Sets in `settings` each of the table's keys that is one of `settings_section`.
  void set_each(std::string_view settings_section, Settings& settings);
  void refuse(std::string_view key, const toml::node& node, std::string_view accepted);

 private:
  template <class Value>
  Value value(std::string_view key, Value fallback, std::string_view accepted);

  const std::string section_;
  const toml::table& table_;
  const std::string& file_;
  Mistakes& mistakes_;
};

/// The tables of `[[name]]`; null, and a mistake, where the node is something else.
[[nodiscard]] const toml::array* tables_of(std::string_view name, const toml::node& node,
                                           const std::string& file, Mistakes& mistakes);
/// A node's value as settings take them.
[[nodiscard]] RawValue raw_value(const toml::node& node);
/// "FILE:LINE" of a node.
[[nodiscard]] std::string place(const std::string& file, const toml::node& node);
/// The node's value as it stands in the file, for a mistake; not where it seems to hold a password.
[[nodiscard]] std::string shown(const toml::node& node);
[[nodiscard]] std::string without_password(std::string shown);

}  // namespace roktcached::config
