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

/// One bit for each name, which other names may share: names with different bits are different. The factor
/// was chosen so that no name that most clients send shares its bit with a name that is looked for. With 7,
/// each User-Agent was compared with Via.
using NameMarks = std::uint64_t;
constexpr std::size_t number_of_marks = 64;
/// Which of the bits it is.
[[nodiscard]] constexpr std::size_t mark_number_of(std::string_view name) {
  if (name.empty()) return 0;
  const auto letter = static_cast<unsigned char>(name.front()) | 0x20U;
  return (letter * 21 + name.size()) % number_of_marks;
}
[[nodiscard]] constexpr NameMarks mark_of(std::string_view name) {
  return NameMarks{1} << mark_number_of(name);
}

}  // namespace detail

/// ASCII case-insensitive equality, as field names and tokens are compared (RFC 9110, section 5.1).
[[nodiscard]] inline bool equal_ignoring_case(std::string_view left, std::string_view right) {
  return left.size() == right.size() && detail::same_ignoring_case(left, right);
}

/// A few field names that are known beforehand. Of a name that is none of them one bit mostly tells; one that
/// is, is compared with those alone that share its bit.
template <std::size_t count>
class FieldNames {
 public:
  template <class... Names>
  constexpr explicit FieldNames(const Names&... names) : names_{names...} {
    static_assert(count < UINT8_MAX);
    std::ranges::sort(names_, {}, detail::mark_number_of);
    for (std::size_t place = count; place-- > 0;) {
      marks_ |= detail::mark_of(names_[place]);
      first_of_mark_[detail::mark_number_of(names_[place])] = static_cast<std::uint8_t>(place);
    }
  }

  [[nodiscard]] bool contain(std::string_view name) const {
    const std::size_t mark = detail::mark_number_of(name);
    if ((marks_ >> mark & 1U) == 0) return false;
    for (std::size_t place = first_of_mark_[mark];
         place < count && detail::mark_number_of(names_[place]) == mark; ++place) {
      if (equal_ignoring_case(names_[place], name)) return true;
    }
    return false;
  }
  [[nodiscard]] constexpr detail::NameMarks marks() const { return marks_; }

 private:
  std::array<std::string_view, count> names_;  // those of one mark together
  std::array<std::uint8_t, detail::number_of_marks> first_of_mark_{};
  detail::NameMarks marks_ = 0;
};

template <class... Names>
FieldNames(const Names&...) -> FieldNames<sizeof...(Names)>;

}  // namespace roktcached::http
