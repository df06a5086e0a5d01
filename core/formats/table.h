#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/error.h"
#include "core/formats/json_text.h"

namespace roktcached::formats {

/// The rows of an answer: the elements of its member `items` or `data`, or of the array that it is. An object
/// without such a member is one row, and so is each that follows it: the API's page shows a histogram so. A
/// view: the answer's body outlives it.
class Rows {
 public:
  /// @param body  whole JSON, as ReportBodyReader has it
  /// @return not_acceptable if it is no table, and why
  [[nodiscard]] static Result<Rows> of(std::string_view body);

  /// Takes the next row, an object as it stands.
  /// @return empty at the end; not_acceptable where the next one is no object, or the body no table after all
  [[nodiscard]] Result<std::string_view> next();
  /// How much of the body has not been looked at, in bytes.
  [[nodiscard]] std::size_t left() const { return text_.rest().size(); }

 private:
  Rows(JsonText text, bool in_array, bool in_object)
      : text_(text), in_array_(in_array), in_object_(in_object) {}
  [[nodiscard]] Result<std::string_view> end();

  JsonText text_;
  bool in_array_;   // else each value is a row
  bool in_object_;  // the array is a member's value
  bool ended_ = false;
  std::size_t taken_ = 0;
};

/// The columns of a table: the names of its rows' members, in the order in which they come first.
class Columns {
 public:
  static constexpr std::size_t most = 4096;

  /// The place of a name, which is added where it is new.
  /// @param name   a JSON string, as it stands
  /// @param guess  the place that it most likely has: rows are like each other
  /// @return `most` where it is one too many
  [[nodiscard]] std::size_t add(std::string_view name, std::size_t guess);
  /// The place of a name that is there.
  [[nodiscard]] std::size_t place_of(std::string_view name, std::size_t guess) const;
  [[nodiscard]] bool has(const std::string& name) const { return places_.contains(name); }
  /// Unescaped.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;
  std::vector<std::string_view> spellings_;  // in which each came first
  std::unordered_map<std::string, std::size_t> places_;
};

}  // namespace roktcached::formats
