#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/ascii.h"

namespace roktcached::http {

/// The classes of octets that the grammars of RFC 3986, RFC 9110 and RFC 9112 are made of. They are bits: an
/// octet may be of several classes.
enum class Octet : std::uint8_t {
  tchar = 1,  ///< of a token (RFC 9110, section 5.6.2)
  vchar = 2,  ///< visible ASCII (RFC 5234, appendix B.1)
  field_octet =
      4,       ///< of a field value or a reason phrase: VCHAR, obs-text, SP and HTAB (RFC 9110, section 5.5)
  qdtext = 8,  ///< of a quoted-string, unescaped (RFC 9110, section 5.6.4)
  digit = 16,  ///< DIGIT
  hex_digit = 32,      ///< HEXDIG, in either case
  space_or_tab = 64,   ///< of OWS and BWS (RFC 9110, section 5.6.3)
  target_octet = 128,  ///< pchar / "/" / "?" of RFC 3986, section 3.4, '%' apart, and the brackets that many
                       ///< clients leave unencoded in queries
};

namespace detail {

constexpr unsigned bit(Octet wanted) {
  return static_cast<unsigned>(wanted);
}

constexpr std::array<std::uint8_t, 256> make_octet_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (unsigned octet = 0; octet < classes.size(); ++octet) {
    const bool is_digit = octet >= '0' && octet <= '9';
    const unsigned letter = octet | 0x20U;  // in lower case
    const bool is_letter = octet < 0x80 && letter >= 'a' && letter <= 'z';
    const bool is_visible = octet > 0x20 && octet < 0x7f;
    const bool is_blank = octet == ' ' || octet == '\t';
    const bool is_obs_text = octet >= 0x80;
    const bool is_mark = is_visible && std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(octet)) !=
                                           std::string_view::npos;
    const bool is_target_mark =
        is_visible &&
        std::string_view("-._~!$&'()*+,;=:@/?[]").find(static_cast<char>(octet)) != std::string_view::npos;
    unsigned bits = 0;
    if (is_digit || is_letter || is_mark) bits |= bit(Octet::tchar);
    if (is_visible) bits |= bit(Octet::vchar);
    if (is_visible || is_obs_text || is_blank) bits |= bit(Octet::field_octet);
    if ((is_visible && octet != '"' && octet != '\\') || is_obs_text || is_blank) bits |= bit(Octet::qdtext);
    if (is_digit) bits |= bit(Octet::digit);
    if (is_digit || (is_letter && letter <= 'f')) bits |= bit(Octet::hex_digit);
    if (is_blank) bits |= bit(Octet::space_or_tab);
    if (is_digit || is_letter || is_target_mark) bits |= bit(Octet::target_octet);
    classes[octet] = static_cast<std::uint8_t>(bits);
  }
  return classes;
}

inline constexpr std::array<std::uint8_t, 256> octet_classes = make_octet_classes();

}  // namespace detail

[[nodiscard]] constexpr bool is(Octet wanted, char c) {
  return (detail::octet_classes[static_cast<unsigned char>(c)] & detail::bit(wanted)) != 0;
}

/// Whether a character needs no percent-encoding anywhere in a URI (RFC 3986, section 2.3).
[[nodiscard]] constexpr bool is_unreserved(char c) {
  return is_letter_or_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/// The value of a HEXDIG, in either case.
[[nodiscard]] constexpr unsigned hex_value(char c) {
  const auto octet = static_cast<unsigned char>(c);
  return is(Octet::digit, c) ? octet - unsigned{'0'} : (octet | 0x20U) - 'a' + 10;
}

namespace detail {

/// How many of eight octets, from the first on, are visible ASCII or, where `with_space`, a space. Of eight
/// at once: none is above 0x7f, none is below the least, and none is 0x7f, that is, adding one to it carries
/// into no top bit. A carry or borrow of an octet beyond those reaches only the ones behind it.
[[nodiscard]] inline std::size_t visible_of_eight(const char* octets, bool with_space) {
  static_assert(std::endian::native == std::endian::little, "the first octet is to be the lowest");
  constexpr std::uint64_t ones = 0x0101010101010101U;
  constexpr std::uint64_t tops = 0x8080808080808080U;
  std::uint64_t eight = 0;
  std::memcpy(&eight, octets, sizeof eight);
  const std::uint64_t least = (with_space ? 0x20U : 0x21U) * ones;
  // With the top bit of each octet set no subtraction borrows from its neighbour's.
  const std::uint64_t others = (eight | (eight + ones) | ~((eight | tops) - least)) & tops;
  return static_cast<std::size_t>(std::countr_zero(others)) / 8;
}

/// Whether all of four octets are of one class: one test for all is less than one for each.
[[nodiscard]] inline bool all_four(Octet wanted, const char* octets) {
  const auto classes_of = [octets](int i) -> unsigned {
    return octet_classes[static_cast<unsigned char>(octets[i])];
  };
  return (classes_of(0) & classes_of(1) & classes_of(2) & classes_of(3) & bit(wanted)) != 0;
}

}  // namespace detail

/// The end of the octets of one class that begin at `from`: the first octet of another, or the end of
/// `bytes`.
[[nodiscard]] inline std::size_t run_end(Octet wanted, std::string_view bytes, std::size_t from) {
  std::size_t at = std::min(from, bytes.size());
  if (wanted == Octet::vchar || wanted == Octet::field_octet) {
    const bool with_space = wanted == Octet::field_octet;
    while (at + 8 <= bytes.size()) {
      const std::size_t visible = detail::visible_of_eight(bytes.data() + at, with_space);
      at += visible;
      if (visible == 8) continue;
      if (!is(wanted, bytes[at])) return at;
      ++at;  // of the class, though not visible
    }
  }
  while (at + 4 <= bytes.size() && detail::all_four(wanted, bytes.data() + at)) at += 4;
  while (at < bytes.size() && is(wanted, bytes[at])) ++at;
  return at;
}

}  // namespace roktcached::http
