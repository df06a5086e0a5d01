#include "core/rokt/sent_text.h"

#include <algorithm>

#include "core/ascii.h"

namespace roktcached::rokt {

std::string shown(std::string_view text) {
  constexpr std::size_t longest = 64;
  std::string result(text.substr(0, longest));
  std::ranges::replace_if(
      result, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return '"' + result + (text.size() > longest ? "...\"" : "\"");
}

std::string folded(std::string_view name) {
  const bool is_list = name.ends_with(']') && name.find('[') != std::string_view::npos;
  std::string text(is_list ? name.substr(0, name.find('[')) : name);
  std::erase_if(text, [](char c) { return c == '_' || c == '-' || c == '.' || c == ' '; });
  return lower_case(text);
}

}  // namespace roktcached::rokt
