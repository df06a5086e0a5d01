#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/formats/cell.h"
#include "core/formats/table.h"

namespace roktcached::formats {

enum class Format : std::uint8_t {
  json,             ///< as it came
  csv,              ///< RFC 4180, with a header
  csv_spreadsheet,  ///< the same with a byte order mark, see CsvStyle::spreadsheet
  ndjson,           ///< one row a line
};

/// The value of Content-Type, of all but json.
[[nodiscard]] std::string_view media_type_of(Format format);

/// A column that says the same in each row. It comes behind the answer's own.
struct AddedColumn {
  std::string_view name;  ///< a literal; "roktcached_" goes before it if the answer has a column of this name
  std::string value;      ///< empty: null
};

/// Turns an answer's JSON into rows, text to text: numbers and names stay as the upstream wrote them, and
/// never become a double. In steps of bounded length, in memory that does not grow with the number of rows.
/// For one thread at a time.
class Conversion {
 public:
  /// @param body    whole JSON; outlives this
  /// @param format  not json
  Conversion(std::string_view body, Format format, std::vector<AddedColumn> added);

  /// Looks at some more of the body, to know its columns.
  /// @param bytes  about how much
  /// @return whether all is known; not_acceptable if the body is no table, or has too many columns
  [[nodiscard]] Result<bool> survey(std::size_t bytes);
  /// Appends some more rows, the header before the first one.
  /// @param bytes  about how much is read, or written, whichever is more
  /// @return whether these were the last
  /// @pre survey has returned true
  [[nodiscard]] bool write(std::string& text, std::size_t bytes);

 private:
  Result<void> survey_row(std::string_view row);
  void begin_writing(std::string& text);
  void write_header(std::string& text);
  void write_csv_row(std::string& text, std::string_view row);
  void write_line(std::string& text, std::string_view row) const;
  [[nodiscard]] std::string name_of(const AddedColumn& added) const;

  std::string_view body_;
  Format format_;
  std::vector<AddedColumn> added_;
  Columns columns_;
  std::unique_ptr<Rows> rows_;  // of the survey, then of the writing
  bool writes_ = false;
  std::vector<std::string_view> cells_;  // of the row that is being written
  std::string added_text_;               // what is behind each row
};

}  // namespace roktcached::formats
