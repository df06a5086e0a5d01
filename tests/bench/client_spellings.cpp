#include "client_spellings.h"

#include "core/caching/key.h"
#include "core/http/fields.h"
#include "core/http/target.h"
#include "core/rokt/parameters.h"
#include "core/rokt/routes.h"

namespace roktcached::bench {

namespace {

std::string spelled(const std::string& value, const ClientKind& client) {
  std::string text;
  for (const char c : value) {
    if (c == '/') {
      text += client.slash;
    } else if (c == ':') {
      text += client.colon;
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

std::string target_of(const ReportQuestion& question, const ClientKind& client) {
  const std::string and_then = client.separator;
  return question.path + "?dateStart=" + spelled(question.date_start, client) + client.fraction + and_then +
         "dateEnd=" + spelled(question.date_end, client) + client.fraction + and_then +
         "currency=" + question.currency + and_then +
         "timeZoneVariation=" + spelled(question.time_zone, client) + client.end;
}

std::string key_of(const ReportQuestion& question, const ClientKind& client) {
  static const rokt::RouteTable routes(rokt::rokt_routes());
  const std::string text = target_of(question, client);
  const auto target = http::parse_target(text);
  const auto query = http::parse_query(target->query);
  const auto match = routes.match("GET", target->path);
  if (!rokt::check_parameters(*match->route, query, {})) return text;
  http::Fields fields;
  if (*client.accept_language != '\0') fields.add("Accept-Language", client.accept_language);
  return std::string(
      caching::key_of("default", target->path, query, *caching::requested_version(fields)).text());
}

std::string raw_key_of(const ReportQuestion& question, const ClientKind& client) {
  return target_of(question, client) + " " + client.accept_language;
}

}  // namespace roktcached::bench
