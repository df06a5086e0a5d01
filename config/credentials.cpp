#include "config/credentials.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "config/private_file.h"

namespace roktcached::config {

namespace {

constexpr std::size_t max_secret = 4096;

/// The places that one half of a credential, id or secret, may come from.
struct Source {
  std::string what;  // "app id"
  std::string variable;
  std::string file_key;
  std::string file;
  std::string systemd_name;
};

Error refused(std::string context) {
  return {.code = ErrorCode::configuration, .context = std::move(context)};
}

/// Reads a file with `read`; one line break at its end is dropped, and a byte order mark at its begin.
Result<std::string> text_of(const std::string& path,
                            Result<Secret> (*read)(const std::string&, std::size_t)) {
  constexpr std::size_t max_around = 5;  // bytes of mark and line break
  const auto content = read(path, max_secret + max_around);
  if (!content) return content.error();
  if (const std::string& bytes = content->reveal();
      bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF"))
    return refused(path + ": is UTF-16, as PowerShell writes it; accepted: ASCII or UTF-8");
  std::string text(without_byte_order_mark(content->reveal()));
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

Result<Secret> check(const Source& source, const std::string& from, std::string value) {
  const bool plain = std::ranges::all_of(value, [](char c) { return c > 0x20 && c < 0x7f; });
  if (value.empty()) return refused(from + ": the " + source.what + " is empty");
  if (value.size() > max_secret) return refused(from + ": the " + source.what + " is longer than 4096 bytes");
  if (!plain) return refused(from + ": the " + source.what + " has characters that are not visible ASCII");
  if (source.what == "app id" && value.find(':') != std::string::npos)
    return refused(from + ": an app id has no ':'");
  return Secret(std::move(value));
}

/// The path of the systemd credential of that name; empty: there is none.
std::optional<std::string> systemd_file(const std::string& name, const Environment& environment) {
  const auto folder = environment.get("CREDENTIALS_DIRECTORY");
  if (!folder) return std::nullopt;
  std::string path = *folder + "/" + name;
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return std::nullopt;
  return path;
}

/// The systemd credential of that name; empty if there is none.
std::optional<Result<Secret>> load_from_systemd(const Source& source, const std::string& name,
                                                const Environment& environment) {
  const auto file = systemd_file(name, environment);
  if (!file) return std::nullopt;
  const std::string& path = *file;
  auto text = text_of(path, read_guarded_file);
  if (!text) return refused("$CREDENTIALS_DIRECTORY: " + text.error().context);
  return check(source, path, std::move(*text));
}

Result<Secret> load_one(const Source& source, const Credential& credential, const Environment& environment) {
  if (!source.file.empty()) {
    const std::string key = secret_file_key(source.file_key, credential.name);
    auto text = text_of(source.file, read_private_file);
    if (!text) return refused(key + ": " + text.error().context);
    return check(source, key + ": " + source.file, std::move(*text));
  }
  if (credential.is_first) {
    if (auto value = environment.get(source.variable))
      return check(source, "$" + source.variable, std::move(*value));
  }
  const std::string own_name = source.systemd_name + "_" + credential.name;
  if (auto own = load_from_systemd(source, own_name, environment)) return std::move(*own);
  if (!credential.is_first) {
    return refused("no " + source.what + " of credential \"" + credential.name + "\": set credential." +
                   source.file_key + ", or the systemd credential " + own_name + "; $" + source.variable +
                   " is the first credential's");
  }
  if (auto plain = load_from_systemd(source, source.systemd_name, environment)) return std::move(*plain);
  return refused("no " + source.what + " of credential \"" + credential.name + "\": set $" + source.variable +
                 ", or credential." + source.file_key + ", or the systemd credential " + source.systemd_name +
                 " or " + own_name);
}

/// The engine's password; empty if none is configured.
Result<Secret> load_fleet_password(const Fleet& fleet, const Environment& environment) {
  const Source source{"engine's password", {}, {}, {}, {}};
  if (!fleet.password_file.empty()) {
    auto text = text_of(fleet.password_file, read_private_file);
    if (!text) return refused("fleet.password_file: " + text.error().context);
    return check(source, "fleet.password_file: " + fleet.password_file, std::move(*text));
  }
  const std::string variable(fleet_password_variable);
  if (auto value = environment.get(variable)) return check(source, "$" + variable, std::move(*value));
  if (auto found = load_from_systemd(source, "rokt_fleet_password", environment)) return std::move(*found);
  return Secret();
}

/// One key a line; an empty line at the end does not count.
Result<std::vector<Secret>> keys_of_lines(const std::string& from, std::string_view text) {
  constexpr std::size_t least = 32;
  constexpr std::size_t most_keys = 2;
  const std::string accepted = "; accepted: one or two, one a line, each of 32 characters or more";
  std::vector<Secret> keys;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    auto key = check({"key for shared answers", {}, {}, {}, {}}, from, std::string(line));
    if (!key) return key.error();
    if (line.size() < least)
      return refused(from + ": a key for shared answers is shorter than 32 characters" + accepted);
    keys.push_back(std::move(*key));
  }
  if (keys.empty()) return refused(from + ": there is no key" + accepted);
  if (keys.size() > most_keys) return refused(from + ": there are more than two keys" + accepted);
  return keys;
}

Result<std::vector<Secret>> load_entry_keys(const Fleet& fleet, const Environment& environment) {
  if (!fleet.entry_key_file.empty()) {
    const auto text = text_of(fleet.entry_key_file, read_private_file);
    if (!text) return refused("fleet.entry_key_file: " + text.error().context);
    return keys_of_lines("fleet.entry_key_file: " + fleet.entry_key_file, *text);
  }
  const auto file = systemd_file("rokt_fleet_entry_keys", environment);
  if (!file) return std::vector<Secret>();
  const auto text = text_of(*file, read_guarded_file);
  if (!text) return refused("$CREDENTIALS_DIRECTORY: " + text.error().context);
  return keys_of_lines(*file, *text);
}

}  // namespace

std::string secret_file_key(const std::string& key, const std::string& credential_name) {
  return "credential." + key + " of \"" + credential_name + "\"";
}

Result<void> load_credential(Credential& credential, const Environment& environment) {
  auto id = load_one({"app id", "ROKT_APP_ID", "app_id_file", credential.app_id_file, "rokt_app_id"},
                     credential, environment);
  if (!id) return id.error();
  auto secret = load_one(
      {"app secret", "ROKT_APP_SECRET", "app_secret_file", credential.app_secret_file, "rokt_app_secret"},
      credential, environment);
  if (!secret) return secret.error();
  credential.app_id = std::move(*id);
  credential.app_secret = std::move(*secret);
  return {};
}

std::optional<std::size_t> credential_for(const std::vector<Credential>& credentials,
                                          std::string_view account_id) {
  for (std::size_t i = 0; i < credentials.size(); ++i) {
    const auto& accounts = credentials[i].accounts;
    if (accounts.empty() || std::ranges::find(accounts, account_id) != accounts.end()) return i;
  }
  return std::nullopt;
}

std::vector<Credential> with_budgets_of_one(std::vector<Credential> credentials, const Fleet& fleet) {
  if (fleet.url || fleet.expected_instances < 2) return credentials;
  for (Credential& credential : credentials) {
    credential.budget.requests_per_second /= static_cast<double>(fleet.expected_instances);
    credential.budget.burst = std::max<std::uint64_t>(1, credential.budget.burst / fleet.expected_instances);
  }
  return credentials;
}

Result<void> load_fleet_secrets(Fleet& fleet, const Environment& environment) {
  if (!fleet.url) return {};
  auto password = load_fleet_password(fleet, environment);
  if (!password) return password.error();
  if (password->empty() && !fleet.username.empty()) {
    return refused("fleet.username: there is no password; accepted: with fleet.password_file, $" +
                   std::string(fleet_password_variable) + ", or the systemd credential rokt_fleet_password");
  }
  auto keys = load_entry_keys(fleet, environment);
  if (!keys) return keys.error();
  fleet.password = std::move(*password);
  fleet.entry_keys = std::move(*keys);
  return {};
}

Result<void> load_admin_token(Admin& admin) {
  constexpr std::size_t least = 16;
  if (admin.token_file.empty()) return {};
  auto text = text_of(admin.token_file, read_private_file);
  if (!text) return refused("admin.token_file: " + text.error().context);
  const std::string from = "admin.token_file: " + admin.token_file;
  auto token = check({"admin token", {}, {}, {}, {}}, from, std::move(*text));
  if (!token) return token.error();
  if (token->reveal().size() < least)
    return refused(from + ": the admin token is shorter than 16 characters");
  admin.token = std::move(*token);
  return {};
}

}  // namespace roktcached::config
