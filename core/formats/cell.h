#pragma once

#include <string>
#include <string_view>

namespace roktcached::formats {

/// How cells are written, beyond RFC 4180.
enum class CsvStyle {
  plain,
  /// For a spreadsheet that is not told what is what. Text that begins as a formula (=, +, -, @, tab) gets an
  /// apostrophe before it. Digits that are too many for a spreadsheet's numbers are written as ="…": text.
  spreadsheet,
};

/// Appends a JSON value as a cell of CSV (RFC 4180): a number and true and false as they stand, null as
/// nothing, a string as its text, and an object or an array as JSON. Quoted where RFC 4180 asks for it; an
/// empty string, too, to tell it from null; and text that a reader could take for a number.
/// @param value  as it stands; empty: nothing
void append_cell(std::string& row, std::string_view value, CsvStyle style);
/// Appends text as a cell, as a string.
void append_text_cell(std::string& row, std::string_view text, CsvStyle style);

}  // namespace roktcached::formats
