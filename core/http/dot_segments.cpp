#include "core/http/dot_segments.h"

#include <string>

#include "core/http/octets.h"

namespace roktcached::http {

namespace {

/// With every octet decoded, and again while there is something to decode: what the next reader does not
/// decode twice, the one behind it may.
std::string decoded(std::string_view path) {
  std::string text(path);
  for (bool again = true; again;) {
    again = false;
    std::string next;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const bool encoded = text[i] == '%' && i + 2 < text.size() &&
                           text.find_first_not_of("0123456789abcdefABCDEF", i + 1) > i + 2;
      next += encoded ? static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2])) : text[i];
      if (encoded) i += 2;
      again = again || encoded;
    }
    text = std::move(next);
  }
  return text;
}

}  // namespace

bool has_dot_segments(std::string_view path) {
  if (path.find_first_of(".%") == std::string_view::npos) return false;
  const std::string text = decoded(path);
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find_first_of("/\\", begin), text.size());
    std::string_view segment = std::string_view(text).substr(begin, end - begin);
    segment = segment.substr(0, segment.find(';'));
    if (segment == "." || segment == "..") return true;
    begin = end + 1;
  }
  return false;
}

}  // namespace roktcached::http
