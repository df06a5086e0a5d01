#include "core/formats/own_parameters.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "core/http/fields.h"
#include "core/rokt/sent_text.h"

namespace roktcached::formats {

namespace {

constexpr std::string_view prefix = "roktcached";

constexpr auto columns = std::to_array<std::pair<std::string_view, Column>>({
    {"fetched_at", Column::fetched_at},
    {"report_state", Column::report_state},
    {"route", Column::route},
    {"date_start", Column::date_start},
    {"date_end", Column::date_end},
    {"currency", Column::currency},
    {"time_zone", Column::time_zone},
});

constexpr auto formats = std::to_array<std::pair<std::string_view, Format>>({
    {"json", Format::json},
    {"csv", Format::csv},
    {"csv;excel", Format::csv_spreadsheet},
    {"ndjson", Format::ndjson},
});

template <class Table>
auto find(const Table& table, std::string_view name) {
  return std::ranges::find(table, name, &Table::value_type::first);
}

Result<std::vector<Column>> read_columns(std::string_view name, std::string_view value) {
  constexpr std::string_view accepted =
      "fetched_at, report_state, route, date_start, date_end, currency and time_zone, each once, with commas "
      "between";
  std::vector<Column> result;
  for (std::size_t begin = 0; begin <= value.size();) {
    const std::size_t end = std::min(value.find(',', begin), value.size());
    const auto* const column = find(columns, value.substr(begin, end - begin));
    if (column == columns.end()) return rokt::not_accepted(name, rokt::shown(value), accepted);
    if (std::ranges::find(result, column->second) != result.end())
      return rokt::not_accepted(name, std::string(column->first) + " comes twice", accepted);
    result.push_back(column->second);
    begin = end + 1;
  }
  return result;
}

}  // namespace

std::string_view name_of(Column column) {
  return columns.at(static_cast<std::size_t>(column)).first;
}

bool is_own(std::string_view name) {
  return http::equal_ignoring_case(name.substr(0, prefix.size()), prefix);
}

bool may_have_own(std::string_view query) {
  // '%' may hide each letter.
  return query.size() >= prefix.size() && (query.find('%') != std::string_view::npos ||
                                           !std::ranges::search(query, prefix, [](char c, char wanted) {
                                              return (c | 0x20) == wanted;
                                            }).empty());
}

Result<OwnParameters> read_own_parameters(std::span<const http::QueryParameter> parameters) {
  constexpr std::string_view names = "roktcached-format, roktcached-columns and roktcached-dates, each once";
  OwnParameters own;
  std::vector<std::string_view> met;
  for (const http::QueryParameter& parameter : parameters) {
    const std::string_view name = parameter.name;
    if (!is_own(name)) continue;
    if (std::ranges::find(met, name) != met.end())
      return rokt::not_accepted(rokt::shown(name), "comes more than once", "once");
    met.push_back(name);
    if (name == "roktcached-format") {
      const auto* const format = find(formats, parameter.value);
      if (format == formats.end())
        return rokt::not_accepted(name, rokt::shown(parameter.value), "json, csv, csv;excel or ndjson");
      own.format = format->second;
    } else if (name == "roktcached-columns") {
      auto read = read_columns(name, parameter.value);
      if (!read) return read.error();
      own.columns = std::move(*read);
    } else if (name == "roktcached-dates") {
      if (parameter.value.empty()) return rokt::not_accepted(name, "is empty", "the name of a range");
      own.dates = parameter.value;
    } else {
      return rokt::not_accepted("parameter", rokt::shown(name), names);
    }
  }
  return own;
}

}  // namespace roktcached::formats
