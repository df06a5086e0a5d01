#include "config/table_reader.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "core/ascii.h"

namespace roktcached::config {

namespace {

/// A placeholder of a Rokt route takes nothing else: another account can never be asked for.
bool is_account(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         std::ranges::all_of(text, [](char c) { return is_letter_or_digit(c) || c == '_' || c == '-'; });
}

}  // namespace

void TableReader::check_keys(const std::vector<std::string>& known) {
  for (const auto& [key, node] : table_) {
    const std::string name(key.str());
    if (std::ranges::find(known, name) == known.end()) {
      mistakes_.add(place(file_, node),
                    section_ + "." + name + ": no such key" + suggestion_or_all(name, known));
    }
  }
}

std::string TableReader::text(std::string_view key, std::string fallback) {
  return value<std::string>(key, std::move(fallback), "a text in quotes");
}

bool TableReader::boolean(std::string_view key, bool fallback) {
  return value<bool>(key, fallback, "true or false");
}

double TableReader::number(std::string_view key, double fallback, bool (*accepts)(double),
                           std::string_view accepted) {
  const toml::node* node = table_.get(key);
  if (node == nullptr) return fallback;
  const auto number = number_of(raw_value(*node));
  if (number && accepts(*number)) return *number + 0.0;  // -0 becomes 0
  refuse(key, *node, accepted);
  return fallback;
}

StringList TableReader::list(std::string_view key, StringList fallback, std::string_view example) {
  const toml::node* node = table_.get(key);
  if (node == nullptr) return fallback;
  RawValue raw = raw_value(*node);
  if (auto* values = std::get_if<StringList>(&raw)) return std::move(*values);
  refuse(key, *node, "a list of texts, e.g. " + std::string(example));
  return fallback;
}

StringList TableReader::accounts() {
  StringList accounts = list("accounts", {}, R"(["1234567"])");
  for (auto account = accounts.begin(); account != accounts.end(); ++account) {
    if (is_account(*account) && std::find(accounts.begin(), account, *account) == account) continue;
    refuse("accounts", *table_.get("accounts"), "account ids, 1 to 64 of A-Za-z0-9_- each, each once");
    return {};
  }
  return accounts;
}

StringList TableReader::accounts_or_every() {
  const toml::node* node = table_.get("accounts");
  if (node != nullptr && node->is_array() && node->as_array()->empty())
    refuse("accounts", *node, "one account id or more; for every account, no such key");
  return accounts();
}

void TableReader::set_each(std::string_view settings_section, Settings& settings) {
  for (const auto& [key, node] : table_) {
    const Setting* setting = find_setting(settings_section, key.str());
    if (setting != nullptr && !setting->set(settings, raw_value(node)))
      refuse(key.str(), node, setting->accepted);
  }
}

void TableReader::refuse(std::string_view key, const toml::node& node, std::string_view accepted) {
  mistakes_.add(place(file_, node), section_ + "." + std::string(key) + " = " + shown(node) +
                                        ": accepted: " + std::string(accepted));
}

template <class Value>
Value TableReader::value(std::string_view key, Value fallback, std::string_view accepted) {
  const toml::node* node = table_.get(key);
  if (node == nullptr) return fallback;
  if (const auto exact = node->value_exact<Value>()) return *exact;
  refuse(key, *node, accepted);
  return fallback;
}

std::string place(const std::string& file, const toml::node& node) {
  return file + ":" + std::to_string(node.source().begin.line);
}

const toml::array* tables_of(std::string_view name, const toml::node& node, const std::string& file,
                             Mistakes& mistakes) {
  const toml::array* tables = node.as_array();
  if (tables != nullptr && tables->is_array_of_tables()) return tables;
  mistakes.add(place(file, node), std::string(name).append(": accepted: [[").append(name).append("]]"));
  return nullptr;
}

RawValue raw_value(const toml::node& node) {
  if (const auto value = node.value_exact<bool>()) return *value;
  if (const auto value = node.value_exact<std::int64_t>()) return *value;
  if (const auto value = node.value_exact<double>()) return *value;
  if (const auto value = node.value_exact<std::string>()) return *value;
  const toml::array* array = node.as_array();
  if (array == nullptr) return std::monostate();
  StringList list;
  for (const toml::node& element : *array) {
    const auto text = element.value_exact<std::string>();
    if (!text) return std::monostate();
    list.push_back(*text);
  }
  return list;
}

std::string shown(const toml::node& node) {
  if (const RawValue value = raw_value(node); !std::holds_alternative<std::monostate>(value))
    return without_password(to_toml(value));
  std::ostringstream text;
  node.visit([&text](const auto& value) { text << value; });
  return without_password(text.str());
}

std::string without_password(std::string shown) {
  const bool has_user = shown.find('@') != std::string::npos;  // also of what is no URL, but was meant as one
  return has_user ? "(not shown: it holds a user)" : shown;
}

}  // namespace roktcached::config
