#pragma once

#include <array>
#include <string>

namespace roktcached::bench {

/// A report as a request asks for it.
struct ReportQuestion {
  std::string path;
  std::string date_start;  ///< YYYY-MM-DDThh:mm:ss, as date_end
  std::string date_end;
  std::string currency;
  std::string time_zone;
};

/// How one kind of client spells a question, and the language that it asks for.
struct ClientKind {
  const char* name;
  const char* slash;     ///< for a '/' in a value
  const char* colon;     ///< for a ':' in a value
  const char* fraction;  ///< behind the seconds of a date
  const char* separator;
  const char* end;              ///< behind the last parameter
  const char* accept_language;  ///< empty: none
};

/// As the clients themselves send it (tests/clients asks with most of them).
inline constexpr std::array<ClientKind, 13> client_kinds = {{
    {"curl, a literal address", "/", ":", "", "&", "", ""},
    {"curl --data-urlencode", "%2f", "%3a", "", "&", "", ""},
    {"a script that ends with '&'", "/", ":", "", "&", "&", ""},
    {"a script that doubles '&'", "/", ":", "", "&&", "", ""},
    {"requests, httpx, Go, PHP, Ruby, R", "%2F", "%3A", "", "&", "", ""},
    {"Java, in German", "%2F", "%3A", "", "&", "", "de-DE"},
    {"aiohttp, in Japanese", "/", ":", "", "&", "", "ja"},
    {"axios", "%2F", ":", "", "&", "", ""},
    {"Node's fetch", "%2F", "%3A", "", "&", "", "*"},
    {"Node's fetch, with toISOString without its Z", "%2F", "%3A", ".000", "&", "", "*"},
    {"a browser in English", "/", ":", "", "&", "", "en-US,en;q=0.9"},
    {"a browser in German", "/", ":", "", "&", "", "de-DE,de;q=0.9,en;q=0.8"},
    {"a browser in French", "/", ":", "", "&", "", "fr-FR,fr;q=0.9"},
}};

/// The target with which a client of this kind asks.
[[nodiscard]] std::string target_of(const ReportQuestion& question, const ClientKind& client);

/// The key under which roktcached keeps the answer, made by the deciding code: the text of caching::key_of.
/// A request that roktcached refuses has no key: it gets its target instead, which no key looks like.
[[nodiscard]] std::string key_of(const ReportQuestion& question, const ClientKind& client);

/// The key of a cache that takes the target as it comes, and has `Vary: Accept-Language` from the upstream.
[[nodiscard]] std::string raw_key_of(const ReportQuestion& question, const ClientKind& client);

}  // namespace roktcached::bench
