#include "core/formats/cell.h"

#include <algorithm>

#include "core/ascii.h"
#include "core/formats/json_text.h"

namespace roktcached::formats {

namespace {

/// A spreadsheet's numbers are doubles, of which it shows 15 digits.
constexpr std::size_t most_exact_digits = 15;

/// A number with or without a sign, a fraction and an exponent, or with commas between its thousands.
bool looks_like_a_number(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  const auto exponent = std::min(text.find_first_of("eE"), text.size());
  std::string_view behind = text.substr(std::min(exponent + 1, text.size()));
  if (behind.starts_with('+') || behind.starts_with('-')) behind.remove_prefix(1);
  const std::string_view before = text.substr(0, exponent);
  return before.find_first_not_of("0123456789.,") == std::string_view::npos &&
         std::ranges::any_of(before, is_digit) && std::ranges::all_of(behind, is_digit);
}

/// Whether a spreadsheet would change digits that matter, as those of ids. In a fraction it drops digits that
/// mean nothing, and it still adds it up.
bool is_too_long_an_integer(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  return text.size() > most_exact_digits && std::ranges::all_of(text, is_digit);
}

bool begins_as_a_formula(std::string_view text) {
  constexpr std::string_view formula = "=+-@\t\r";
  return !text.empty() && formula.find(text.front()) != std::string_view::npos;
}

bool needs_quotes(std::string_view text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ') return true;
  return text.find_first_of("\",\r\n") != std::string_view::npos;
}

void append_quoted(std::string& row, std::string_view text) {
  row += '"';
  while (true) {
    const std::size_t quote = text.find('"');
    row.append(text.substr(0, quote));
    if (quote == std::string_view::npos) break;
    row += "\"\"";
    text.remove_prefix(quote + 1);
  }
  row += '"';
}

/// ="12345678901234567", which a spreadsheet takes for text: quoted, since it has quotes.
void append_as_formula(std::string& row, std::string_view digits) {
  row.append(R"("="")").append(digits).append(R"(""")");
}

void append_number(std::string& row, std::string_view number, CsvStyle style) {
  if (style == CsvStyle::spreadsheet && is_too_long_an_integer(number)) return append_as_formula(row, number);
  row.append(number);
}

void append_if_quoted(std::string& row, std::string_view text, bool quoted) {
  if (quoted) return append_quoted(row, text);
  row.append(text);
}

}  // namespace

void append_text_cell(std::string& row, std::string_view text, CsvStyle style) {
  const bool number = looks_like_a_number(text);
  if (style == CsvStyle::spreadsheet) {
    if (number && is_too_long_an_integer(text)) return append_as_formula(row, text);
    if (!number && begins_as_a_formula(text)) return append_quoted(row, "'" + std::string(text));
  }
  append_if_quoted(row, text, number || needs_quotes(text));
}

void append_cell(std::string& row, std::string_view value, CsvStyle style) {
  if (value.empty() || value == "null") return;
  if (value.front() == '"') {
    const bool plain = value.find('\\') == std::string_view::npos;
    if (plain) return append_text_cell(row, value.substr(1, value.size() - 2), style);
    std::string text;
    append_unescaped(text, value);
    return append_text_cell(row, text, style);
  }
  if (value.front() == '{' || value.front() == '[') return append_if_quoted(row, value, needs_quotes(value));
  append_number(row, value, style);
}

}  // namespace roktcached::formats
