#include "config/tables.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "config/schema.h"
#include "config/table_reader.h"
#include "core/ascii.h"

namespace roktcached::config {

namespace {

const std::vector<std::string> client_keys = {"name",  "secret_hash",    "accounts",   "requests_per_second",
                                              "burst", "upstream_share", "certificate"};

bool is_client_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-';
  });
}

/// A subject's CN or a DNS name, as a certificate can carry it.
bool is_certificate_name(std::string_view text) {
  const bool plain = std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
  return !text.empty() && text.size() <= 253 && plain && text.front() != ' ' && text.back() != ' ';
}

/// Reads one `[[client]]` table.
class ClientReader {
 public:
  ClientReader(const toml::table& table, const std::string& file, Mistakes& mistakes)
      : table_(table), file_(file), mistakes_(mistakes), reader_("client", table, file, mistakes) {}

  Client read() {
    check_keys();
    Client client;
    client.name = read_name();
    client.secret_hash = read_secret_hash();
    client.accounts = reader_.accounts_or_every();
    client.requests_per_second = reader_.number(
        "requests_per_second", 0, [](double rate) { return rate == 0 || (rate >= 0.01 && rate <= 100'000); },
        "0, or a number from 0.01 to 100000");
    client.burst = read_burst(client.requests_per_second);
    client.upstream_share = reader_.number(
        "upstream_share", 1, [](double weight) { return weight >= 0.01 && weight <= 1000; },
        "a weight, a number from 0.01 to 1000");
    client.certificate = read_certificate();
    return client;
  }

 private:
  /// Somebody who writes a secret into this table most likely invents a key for it. Such a key gets a better
  /// message than "no such key".
  void check_keys() {
    StringList keys = client_keys;
    if (const toml::node* secret = table_.get("secret")) {
      mistakes_.add(place(file_, *secret),
                    "client.secret: a secret never stands in this file; accepted: secret_hash, as "
                    "`roktcached hash-secret` prints it");
      keys.emplace_back("secret");
    }
    reader_.check_keys(keys);
  }

  std::string read_name() {
    const toml::node* node = table_.get("name");
    const auto name = node == nullptr ? std::string() : node->value_exact<std::string>();
    if (name && is_client_name(*name)) return *name;
    mistakes_.add(
        place(file_, node == nullptr ? table_ : *node),
        "client.name = " + (node == nullptr ? "\"\"" : shown(*node)) + ": accepted: 1 to 64 of A-Za-z0-9._-");
    return {};
  }

  std::optional<SecretHash> read_secret_hash() {
    const toml::node* node = table_.get("secret_hash");
    if (node == nullptr) return std::nullopt;
    const auto text = node->value_exact<std::string>();
    auto hash = text ? parse_secret_hash(*text) : std::nullopt;
    if (!hash)
      mistakes_.add(place(file_, *node),
                    "client.secret_hash: is none (and not shown: it may be the secret); "
                    "accepted: " +
                        std::string(accepted_secret_hashes));
    return hash;
  }

  /// A second's worth where the file says nothing.
  std::uint64_t read_burst(double rate) {
    const auto usual = static_cast<std::uint64_t>(std::ceil(rate));
    const toml::node* node = table_.get("burst");
    if (node == nullptr) return usual;
    const auto burst = node->value_exact<std::int64_t>();
    if (!burst || *burst < 1 || *burst > 100'000) {
      reader_.refuse("burst", *node, "a whole number from 1 to 100000");
    } else if (rate == 0) {
      reader_.refuse("burst", *node, "with requests_per_second, of which it is the reserve");
    } else {
      return static_cast<std::uint64_t>(*burst);
    }
    return usual;
  }

  std::string read_certificate() {
    const toml::node* node = table_.get("certificate");
    if (node == nullptr) return {};
    const auto name = node->value_exact<std::string>();
    if (name && is_certificate_name(*name)) return *name;
    reader_.refuse("certificate", *node,
                   "the subject's CN or a DNS name of a client certificate, 1 to 253 visible characters");
    return {};
  }

  const toml::table& table_;
  const std::string& file_;
  Mistakes& mistakes_;
  TableReader reader_;
};

/// A client must not share these with one before it: each would be taken for the other.
void check_own(const Client& client, const std::vector<Client>& before, const std::string& where,
               Mistakes& mistakes) {
  for (const Client& other : before) {
    const std::string its = "client " + to_toml(other.name) + " before it";
    if (!client.name.empty() && client.name == other.name)
      mistakes.add(where, "client.name = " + to_toml(client.name) + ": there is one of this name already");
    if (client.secret_hash && client.secret_hash == other.secret_hash)
      mistakes.add(where, "client.secret_hash: is that of " + its + "; accepted: a secret of its own");
    if (!client.certificate.empty() && client.certificate == other.certificate)
      mistakes.add(where, "client.certificate = " + to_toml(client.certificate) + ": is that of " + its +
                              "; accepted: a certificate of its own");
  }
}

/// Whether the client can show what it is known by.
void check_identity(const Client& client, const toml::table& table, const std::string& where,
                    const ListenTls& tls, Mistakes& mistakes) {
  if (!table.contains("secret_hash") && !table.contains("certificate"))
    mistakes.add(where, "client " + to_toml(client.name) +
                            ": can show nothing; accepted: secret_hash or certificate, or both");
  if (!client.certificate.empty() && tls.client_ca_file.empty())
    mistakes.add(where, "client.certificate = " + to_toml(client.certificate) +
                            ": is never asked for; accepted: with listen.tls.client_ca_file");
}

}  // namespace

void read_clients(const toml::node& node, const std::string& file, Settings& settings, Mistakes& mistakes) {
  const toml::array* tables = tables_of("client", node, file, mistakes);
  if (tables == nullptr) return;
  for (const toml::node& element : *tables) {
    const toml::table& table = *element.as_table();
    const std::string where = place(file, element);
    Client client = ClientReader(table, file, mistakes).read();
    check_own(client, settings.clients, where, mistakes);
    check_identity(client, table, where, settings.listen.tls, mistakes);
    if (client.upstream_share != 1)
      settings.upstream.budget.shares.emplace_back(client.name, client.upstream_share);
    settings.clients.push_back(std::move(client));
  }
}

}  // namespace roktcached::config
