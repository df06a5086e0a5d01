#include "config/tables.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "config/table_reader.h"
#include "core/ascii.h"
#include "core/caching/key.h"
#include "core/formats/own_parameters.h"
#include "core/http/target.h"
#include "core/rokt/date_template.h"
#include "core/rokt/sent_text.h"

namespace roktcached::config {

namespace {

const std::string warm_section = "warm";
const std::vector<std::string> warm_keys = {"path", "at", "time_zone", "rokt_version"};
/// On the first of a month, a range from then to yesterday would be none.
constexpr rokt::LocalDay any_day{std::chrono::year{2026} / 1 / 15};

/// "06:30" as minutes since midnight.
std::optional<std::chrono::minutes> parse_time_of_day(std::string_view text) {
  const auto digit = [text](std::size_t at) { return text[at] - '0'; };
  const bool has_form = text.size() == 5 && text[2] == ':' &&
                        std::ranges::all_of(text, [](char c) { return is_digit(c) || c == ':'; }) &&
                        std::ranges::count(text, ':') == 1;
  if (!has_form) return std::nullopt;
  const int hours = digit(0) * 10 + digit(1);
  const int minutes = digit(3) * 10 + digit(4);
  if (hours > 23 || minutes > 59) return std::nullopt;
  return std::chrono::hours{hours} + std::chrono::minutes{minutes};
}

/// Reads one table; the mistakes name the key that they are about.
class WarmingReader {
 public:
  WarmingReader(const toml::table& table, const std::string& file, const Settings& settings,
                Mistakes& mistakes)
      : table_(table), file_(file), settings_(settings), mistakes_(mistakes) {}

  caching::NamedWarming read() {
    TableReader reader(warm_section, table_, file_, mistakes_);
    reader.check_keys(warm_keys);
    caching::NamedWarming warming;
    warming.question.target = reader.text("path", "");
    warming.question.time_zone = reader.text("time_zone", "");
    warming.question.rokt_version = reader.text("rokt_version", std::string(caching::latest_version));
    const std::string at = reader.text("at", "");
    const auto time = parse_time_of_day(at);
    if (time) warming.at = *time;
    // A value that is no text has been refused already.
    if (!time && (!table_.contains("at") || table_.get("at")->is_string()))
      refuse("at", to_toml(at), R"(a time of the day, "00:00" to "23:59")");
    http::Fields fields;
    fields.add("rokt-version", warming.question.rokt_version);
    if (const auto version = caching::requested_version(fields); !version)
      refuse("rokt_version", to_toml(warming.question.rokt_version), "a token of at most 64 characters");
    const std::string mistake = mistake_of_path(warming.question);
    if (!mistake.empty()) mistakes_.add(place_of("path"), warm_section + ".path" + mistake);
    // Even a path that could not be read may have a zone.
    if ((mistake.empty() || table_.contains("time_zone")) &&
        !rokt::TimeZone::find(warming.question.time_zone))
      refuse("time_zone", to_toml(warming.question.time_zone),
             "an IANA time zone, e.g. America/New_York; absent: the path's timeZoneVariation");
    return warming;
  }

 private:
  /// Checks that with the dates of some day filled in, a client could ask for it. If the table has no zone,
  /// the report's zone counts.
  /// @return what is wrong with it, as it stands behind the key; empty: nothing
  [[nodiscard]] std::string mistake_of_path(caching::QuestionTemplate& question) const {
    const auto refused = [&](const std::string& accepted) {
      return (table_.contains("path") ? " = " + to_toml(question.target) + ": " : ": is missing; ") +
             "accepted: " + accepted;
    };
    const auto filled = rokt::fill_dates(question.target, any_day);
    if (!filled) return ": " + filled.error().context;
    const auto target = http::parse_target(*filled);
    if (!target) return refused("a path and its query, as in \"/reporting/...?...\"");
    const rokt::RouteTable routes(rokt::all_routes(settings_.routes));
    const auto match = routes.match("GET", target->path);
    if (!match || !rokt::is_kept_by_lifetimes(match->route->route_class))
      return refused("what a GET of a report or of metadata asks for; `roktcached routes` lists them");
    const auto query = http::parse_query(target->query);
    const auto own = std::ranges::find_if(query, formats::is_own, &http::QueryParameter::name);
    if (own != query.end())
      return ": has " + rokt::shown(own->name) +
             ", which does not change what is fetched; accepted: dates as {yesterday}, and no name that "
             "begins "
             "with roktcached";
    const auto checked = rokt::check_parameters(*match->route, query, settings_.parameters);
    if (!checked) return ": " + checked.error().context;
    if (std::ranges::find(query, std::string_view("api_key"), &http::QueryParameter::name) != query.end())
      return ": has an api_key; accepted: a path without one, since nobody asks for it";
    const auto* const zone =
        std::ranges::find(query, std::string_view("timeZoneVariation"), &http::QueryParameter::name);
    if (question.time_zone.empty() && zone != query.end()) question.time_zone = zone->value;
    return {};
  }

  /// The place of the key, or of the table if it has no such key.
  [[nodiscard]] std::string place_of(std::string_view key) const {
    const toml::node* const node = table_.get(key);
    return place(file_, node == nullptr ? static_cast<const toml::node&>(table_) : *node);
  }
  void refuse(std::string_view key, const std::string& what, std::string_view accepted) {
    const bool is_there = table_.contains(key);
    mistakes_.add(place_of(key), warm_section + "." + std::string(key) +
                                     (is_there ? " = " + what : std::string(": is missing")) +
                                     (is_there ? ": " : "; ") + "accepted: " + std::string(accepted));
  }

  const toml::table& table_;
  const std::string& file_;
  const Settings& settings_;
  Mistakes& mistakes_;
};

}  // namespace

void read_warmings(const toml::node& node, const std::string& file, Settings& settings, Mistakes& mistakes) {
  const toml::array* tables = tables_of(warm_section, node, file, mistakes);
  if (tables == nullptr) return;
  for (const toml::node& element : *tables) {
    auto warming = WarmingReader(*element.as_table(), file, settings, mistakes).read();
    if (std::ranges::find(settings.named_warmings, warming) != settings.named_warmings.end())
      mistakes.add(place(file, element), warm_section + ": is there twice; accepted: each once");
    settings.named_warmings.push_back(std::move(warming));
  }
}

}  // namespace roktcached::config
