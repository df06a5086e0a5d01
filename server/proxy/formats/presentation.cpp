#include "server/proxy/formats/presentation.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

#include "core/formats/json_text.h"
#include "core/http/accept.h"

namespace roktcached::proxy {

using formats::Column;
using formats::Format;

namespace {

/// The form that Accept names. JSON comes first where it is named as well, and wanted as much: it is what the
/// upstream has sent.
Format format_accepted(const http::Fields& request) {
  const http::Wanted json = http::wanted(request, "application/json");
  const http::Wanted csv = http::wanted(request, "text/csv");
  const http::Wanted lines = http::wanted(request, "application/x-ndjson");
  const auto wins = [&json](const http::Wanted& form) {
    if (!form.named || form.quality == 0) return false;
    return json.named ? form.quality > json.quality : form.quality >= json.quality;
  };
  const bool takes_csv = wins(csv);
  if (wins(lines) && (!takes_csv || lines.quality > csv.quality)) return Format::ndjson;
  return takes_csv ? Format::csv : Format::json;
}

/// "2026-11-29T08:15:00Z".
std::string utc_text(WallTime time) {
  namespace chrono = std::chrono;
  const auto day = chrono::floor<chrono::days>(time);
  const chrono::year_month_day date(day);
  const chrono::hh_mm_ss clock(chrono::floor<chrono::seconds>(time - day));
  std::array<char, 40> text{};
  const int length =
      std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                    static_cast<int>(clock.seconds().count()));
  return {text.data(), static_cast<std::size_t>(length)};
}

/// The range, currency and zone of a question.
struct AskedForm {
  std::string date_start;
  std::string date_end;
  std::string currency;
  std::string time_zone;
};

/// For a query, whose question is its content.
AskedForm question_in(std::string_view content) {
  AskedForm question;
  formats::JsonText text(content);
  formats::JsonMembers members(text);
  formats::JsonMember member;
  while (members.next(member)) {
    if (member.value.front() != '"') continue;
    std::string* const place = member.name == R"("startDate")"           ? &question.date_start
                               : member.name == R"("endDate")"           ? &question.date_end
                               : member.name == R"("currencyCode")"      ? &question.currency
                               : member.name == R"("timezoneVariation")" ? &question.time_zone
                                                                         : nullptr;
    if (place != nullptr) formats::append_unescaped(*place, member.value);
  }
  return question;
}

AskedForm question_of(const caching::Key& key) {
  const std::string_view content = caching::parts_of(key).content;
  if (!content.empty()) return question_in(content);
  caching::KeyColumns columns = caching::columns_of(key);
  return {columns.date_start.value_or(std::string()), columns.date_end.value_or(std::string()),
          columns.currency.value_or(std::string()), columns.time_zone.value_or(std::string())};
}

}  // namespace

Result<Format> format_wanted(const Presentation* presentation, const http::Fields& request) {
  Format format = Format::json;
  if (presentation != nullptr && presentation->format) {
    format = *presentation->format;
  } else if (request.contains("Accept")) {
    format = format_accepted(request);
  }
  if (format == Format::json && presentation != nullptr && !presentation->columns.empty())
    return Error{ErrorCode::invalid_request, false,
                 "roktcached-columns: the answer is JSON, which has no columns; accepted: together with "
                 "roktcached-format=csv, csv;excel or ndjson, or Accept: text/csv or application/x-ndjson"};
  return format;
}

std::vector<formats::AddedColumn> added_columns(const Presentation* presentation,
                                                const caching::StoredResponse& stored,
                                                const caching::FreshnessPolicy& policy) {
  std::vector<formats::AddedColumn> added;
  if (presentation == nullptr || presentation->columns.empty()) return added;
  const AskedForm question = question_of(stored.key);
  const auto value_of = [&](Column column) -> std::string {
    switch (column) {
      case Column::fetched_at:
        return utc_text(stored.fetched_at);
      case Column::report_state: {
        if (!stored.range_end) return {};
        return std::string(caching::to_string(
            caching::report_state(*stored.range_end, stored.fetched_at, policy.restatement_window)));
      }
      case Column::route:
        return std::string(stored.route.view());
      case Column::date_start:
        return question.date_start;
      case Column::date_end:
        return question.date_end;
      case Column::currency:
        return question.currency;
      case Column::time_zone:
        return question.time_zone;
    }
    return {};
  };
  for (const Column column : presentation->columns)
    added.push_back({formats::name_of(column), value_of(column)});
  return added;
}

std::string tag_of_form(std::string_view entity_tag, Format format,
                        const std::vector<formats::AddedColumn>& added) {
  // A change of what a form's octets are takes another name: a client may hold the former ones.
  static constexpr std::array<std::string_view, 4> names = {"", "-csv", "-csv-excel", "-ndjson"};
  std::string tag(entity_tag.substr(0, entity_tag.size() - 1));
  tag += names.at(static_cast<std::size_t>(format));
  if (!added.empty()) {
    std::string all;
    for (const formats::AddedColumn& column : added)
      (all.append(column.name) += '=').append(column.value) += '\n';
    std::array<char, 16> digits{};
    constexpr int hexadecimal = 16;
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(),
                                            XXH3_64bits(all.data(), all.size()), hexadecimal);
    tag.append("-").append(digits.data(), end);
  }
  return tag += '"';
}

}  // namespace roktcached::proxy
