#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace roktcached::http {

namespace detail {

/// @pre of the same size
[[nodiscard]] bool same_ignoring_case(std::string_view left, std::string_view right);

/// One bit for every name; others share it. Where two names have different ones, they are not the same. The
/// factor is one with which no name that most clients send shares the bit of one that is looked for: with 7
/// each User-Agent was compared with Via.
using NameMarks = std::uint64_t;
[[nodiscard]] constexpr NameMarks mark_of(std::string_view name) {
  if (name.empty()) return 1;
  const auto letter = static_cast<unsigned char>(name.front()) | 0x20U;
  return NameMarks{1} << ((letter * 21 + name.size()) & 63U);
}

}  // namespace detail

/// ASCII case-insensitive equality, as field names and tokens are compared (RFC 9110, section 5.1).
[[nodiscard]] inline bool equal_ignoring_case(std::string_view left, std::string_view right) {
  return left.size() == right.size() && detail::same_ignoring_case(left, right);
}

/// A few field names that are known beforehand. Of a name that is none of them one bit mostly tells.
template <std::size_t count>
class FieldNames {
 public:
  template <class... Names>
  constexpr explicit FieldNames(const Names&... names) : names_{names...} {
    for (const std::string_view name : names_) marks_ |= detail::mark_of(name);
  }

  [[nodiscard]] bool contain(std::string_view name) const {
    if ((marks_ & detail::mark_of(name)) == 0) return false;
    return std::ranges::any_of(names_, [name](auto known) { return equal_ignoring_case(known, name); });
  }
  [[nodiscard]] constexpr detail::NameMarks marks() const { return marks_; }

 private:
  std::array<std::string_view, count> names_;
  detail::NameMarks marks_ = 0;
};

template <class... Names>
FieldNames(const Names&...) -> FieldNames<sizeof...(Names)>;

}  // namespace roktcached::http
