#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/http/field_names.h"
#include "core/wiping_allocator.h"

namespace roktcached::http {

/// `text` without leading and trailing spaces and tabs (OWS, RFC 9110, section 5.6.3).
[[nodiscard]] std::string_view trimmed(std::string_view text);

/// The members of a comma-separated list field value, each trimmed, empty ones dropped; commas inside a
/// quoted-string do not split (RFC 9110, section 5.6.1). The views point into `value`.
[[nodiscard]] std::vector<std::string_view> list_members(std::string_view value);

/// True if `text` is a non-empty token (RFC 9110, section 5.6.2).
[[nodiscard]] bool is_token(std::string_view text);

/// One field line; views into the text of its message.
struct Field {
  std::string_view name;
  std::string_view value;
};

/// The fields of one message's header section, in the order they came. A plain value; not thread-safe.
///
/// All their text is in one string, so that the fields of one message after another cost no allocation: see
/// clear().
class Fields {
  struct Line;

 public:
  /// Goes through the field lines.
  class Iterator {
   public:
    using difference_type = std::ptrdiff_t;
    using value_type = Field;

    Iterator() = default;
    Iterator(const Fields& fields, const Line* line) : fields_(&fields), line_(line) {}
    Field operator*() const { return fields_->field_of(*line_); }
    Iterator& operator++() {
      ++line_;
      return *this;
    }
    Iterator operator++(int) {
      const Iterator before = *this;
      ++line_;
      return before;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    const Fields* fields_ = nullptr;
    const Line* line_ = nullptr;
  };

  /// Every field line.
  class All {
   public:
    explicit All(const Fields& fields) : fields_(fields) {}
    [[nodiscard]] Iterator begin() const { return {fields_, fields_.lines_.data()}; }
    [[nodiscard]] Iterator end() const { return {fields_, fields_.lines_.data() + size()}; }
    [[nodiscard]] std::size_t size() const { return fields_.lines_.size(); }

   private:
    const Fields& fields_;
  };

  /// Appends a field line; an equal name before it stays.
  void add(std::string_view name, std::string_view value);
  /// Replaces all field lines by these.
  /// @param lines  views into one text, in the order in which they are there
  template <class Lines>
  void assign(const Lines& lines) {
    clear();
    if (lines.empty()) return;
    const char* const begin = lines.front().name.data();
    text_.assign(begin, lines.back().value.data() + lines.back().value.size());
    lines_.resize(lines.size());
    Line* next = lines_.data();
    for (const auto& line : lines) {
      *next++ = line_of(static_cast<std::size_t>(line.name.data() - begin), line.name.size(),
                        static_cast<std::size_t>(line.value.data() - begin), line.value.size());
      marks_ |= detail::mark_of(line.name);
    }
  }
  /// Replaces every field of this name by one.
  void set(std::string_view name, std::string_view value);
  /// Writes over the value of the first field line of this name.
  /// @pre there is one, and its value has as many octets
  void overwrite(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  /// Removes every field of these names.
  template <std::size_t count>
  void remove(const FieldNames<count>& names) {
    if ((marks_ & names.marks()) == 0) return;
    std::erase_if(lines_, [&](const Line& line) {
      const bool goes = names.contain(field_of(line).name);
      if (goes) wipe_value(line);
      return goes;
    });
  }
  /// Removes all field lines, wipes them, and keeps the memory for others.
  void clear();

  /// The first field line of this name, if any. The view lives as long as this object is unchanged.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const {
    return may_have(name) ? find_marked(name) : std::nullopt;
  }
  [[nodiscard]] bool contains(std::string_view name) const { return find(name).has_value(); }
  [[nodiscard]] std::size_t count(std::string_view name) const;
  /// All field lines of this name joined by ", " (RFC 9110, section 5.3); empty if there is none.
  [[nodiscard]] std::string combined(std::string_view name) const;

  /// Calls `visit` with the value of each field line of this name, in order.
  template <class Visit>
  void for_each(std::string_view name, Visit visit) const {
    if (!may_have(name)) return;
    for (const Line& line : lines_) {
      if (has_name(line, name)) visit(field_of(line).value);
    }
  }

  /// In order; for as long as this object is unchanged.
  [[nodiscard]] All all() const { return All(*this); }
  [[nodiscard]] bool empty() const { return lines_.empty(); }

  /// "Name: value\r\n" for every field, in order.
  [[nodiscard]] std::string to_lines() const;
  /// Reads back what to_lines wrote.
  [[nodiscard]] static Fields from_lines(std::string_view lines);

 private:
  [[nodiscard]] bool may_have(std::string_view name) const { return (marks_ & detail::mark_of(name)) != 0; }

  /// The place of a field line in the text.
  struct Line {
    std::uint32_t name = 0;
    std::uint32_t name_size = 0;
    std::uint32_t value = 0;
    std::uint32_t value_size = 0;
  };
  [[nodiscard]] static Line line_of(std::size_t name_at, std::size_t name_size, std::size_t value_at,
                                    std::size_t value_size) {
    const auto number = [](std::size_t size) { return static_cast<std::uint32_t>(size); };
    return {number(name_at), number(name_size), number(value_at), number(value_size)};
  }
  [[nodiscard]] Field field_of(const Line& line) const {
    return {{text_.data() + line.name, line.name_size}, {text_.data() + line.value, line.value_size}};
  }
  [[nodiscard]] bool has_name(const Line& line, std::string_view name) const {
    return line.name_size == name.size() && equal_ignoring_case(field_of(line).name, name);
  }

  /// A removed value may be a secret.
  void wipe_value(const Line& line) { explicit_bzero(text_.data() + line.value, line.value_size); }
  [[nodiscard]] std::optional<std::string_view> find_marked(std::string_view name) const;

  WipedString text_;  // the values of removed fields are wiped, too
  std::vector<Line> lines_;
  detail::NameMarks marks_ = 0;  // of removed fields, too
};

/// True for fields that are meant for one connection and are never passed on: the hop-by-hop fields of RFC
/// 9110, section 7.6.1, with Keep-Alive, Proxy-Connection, Proxy-Authenticate, Proxy-Authorization,
/// Proxy-Authentication-Info and HTTP2-Settings. Fields that Connection nominates come on top: see
/// HopByHopFields.
[[nodiscard]] inline bool is_hop_by_hop(std::string_view name) {
  // The last one is of RFC 7540, section 3.2.1, and goes with an Upgrade that is not passed on either.
  static constexpr FieldNames names("Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
                                    "Proxy-Authentication-Info", "TE", "Trailer", "Proxy-Connection",
                                    "Transfer-Encoding", "Upgrade", "HTTP2-Settings");
  return names.contain(name);
}

/// The names of the fields of one message that are not to be passed on: those of is_hop_by_hop, and those
/// that its Connection fields nominate (RFC 9110, section 7.6.1).
class HopByHopFields {
 public:
  /// @param message  outlives this object, and is left unchanged
  explicit HopByHopFields(const Fields& message);
  [[nodiscard]] bool contain(std::string_view name) const {
    return is_hop_by_hop(name) || (!nominated_.empty() && is_nominated(name));
  }

 private:
  [[nodiscard]] bool is_nominated(std::string_view name) const;

  std::vector<std::string_view> nominated_;  // besides those of is_hop_by_hop, which most only repeat
};

/// "Name: value\r\n" for every field, in order.
/// @param fields  a range of Field, which is gone through twice
template <class FieldRange>
[[nodiscard]] std::string lines_of(const FieldRange& fields) {
  constexpr std::size_t added_to_each = 4;
  std::size_t size = 0;
  for (const Field& field : fields) size += field.name.size() + field.value.size() + added_to_each;
  std::string lines(size, '\0');
  char* at = lines.data();
  const auto append = [&at](std::string_view text) { at = std::copy_n(text.data(), text.size(), at); };
  for (const Field& field : fields) {
    append(field.name);
    append(": ");
    append(field.value);
    append("\r\n");
  }
  return lines;
}

/// The value of the first of these lines, as lines_of writes them, that has this name; empty if there is
/// none.
[[nodiscard]] inline std::string_view value_in_lines(std::string_view lines, std::string_view name) {
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find("\r\n"));
    const auto colon = line.find(": ");
    if (colon != std::string_view::npos && equal_ignoring_case(line.substr(0, colon), name))
      return line.substr(colon + 2);
    lines.remove_prefix(std::min(line.size() + 2, lines.size()));
  }
  return {};
}

/// Whether the content is JSON by its one Content-Type, whatever parameters that has.
[[nodiscard]] bool says_json(const Fields& fields);

}  // namespace roktcached::http
