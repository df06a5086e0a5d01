#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace roktcached::http {

/// One field line of a message that was received; views into its bytes.
struct FieldLine {
  std::string_view name;
  std::string_view value;  ///< without surrounding SP and HTAB
};

/// The place of a field line in the bytes that were scanned, so that these may move meanwhile.
struct FieldPlace {
  std::uint32_t name = 0;
  std::uint32_t name_size = 0;
  std::uint32_t value = 0;
  std::uint32_t value_size = 0;  ///< without surrounding SP and HTAB

  /// @param bytes  the same as were scanned
  [[nodiscard]] FieldLine in(std::string_view bytes) const {
    return {bytes.substr(name, name_size), bytes.substr(value, value_size)};
  }
};

/// A whole field section that was let pass before, and may come again. One value in it may be another then: a
/// secret, of which nothing is kept.
struct KnownSection {
  std::string_view text;        ///< empty: none
  std::size_t secret = 0;       ///< where that value begins
  std::size_t secret_size = 0;  ///< 0: there is none

  /// Whether `bytes` begin with it: all other octets are the same, and those of the secret are a field value
  /// of the same size.
  [[nodiscard]] bool begins(std::string_view bytes) const;
};

/// The fault of the octets that were read, if there is one. Passed on for each part of a message; an Error is
/// made of it only where there is something.
struct Objection {
  const char* why = nullptr;  ///< nullptr: nothing is wrong
  ErrorCode code = ErrorCode::invalid_request;

  explicit operator bool() const { return why != nullptr; }
};

/// Finds the end of a header or trailer section: its field lines, and the empty line behind them (RFC 9112,
/// sections 2.1 and 5). Judges each octet when it comes: what no further octet can mend is refused at once.
///
/// Looks at each octet once. After an error it is of no more use until reset(). A plain value; not
/// thread-safe.
class FieldSectionScan {
 public:
  explicit FieldSectionScan(std::size_t max_fields) : max_fields_(max_fields) {}

  /// @param bytes  the section, or its beginning, perhaps with other bytes before and behind it
  /// @param at     in: where the section begins, or where the last call stopped; out: where this call stopped
  /// @return true if `at` is behind the section's empty line; false: more is needed; invalid_request, or
  ///         fields_too_large where there are too many field lines
  [[nodiscard]] Result<bool> scan(std::string_view bytes, std::size_t& at);
  /// The field lines that were let pass, each where it stands in `bytes`.
  [[nodiscard]] const std::vector<FieldPlace>& places() const { return places_; }
  void reset();

 private:
  enum class State { line_start, name, value, line_end, section_end, done };

  [[nodiscard]] bool take_line(std::string_view bytes, std::size_t& at);
  [[nodiscard]] Objection step(std::string_view bytes, std::size_t& at);
  void add_line(std::string_view bytes, std::size_t name, std::size_t colon, std::size_t end);

  State state_ = State::line_start;
  std::size_t fields_ = 0;
  std::size_t max_fields_;
  std::size_t name_ = 0;   // where the line begins that step() is at
  std::size_t colon_ = 0;  // and where its name ends
  std::vector<FieldPlace> places_;
};

/// The first field line of this name, if any (RFC 9110, section 5.1: names have no case).
[[nodiscard]] std::optional<std::string_view> find(const std::vector<FieldLine>& fields,
                                                   std::string_view name);
/// True if `token` is, in any case, a member of the list of tokens that the field lines of this name make.
[[nodiscard]] bool lists(const std::vector<FieldLine>& fields, std::string_view name, std::string_view token);

}  // namespace roktcached::http
