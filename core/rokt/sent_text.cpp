#include "core/rokt/sent_text.h"

#include <algorithm>
#include <utility>

#include "core/ascii.h"

namespace roktcached::rokt {

std::string shown(std::string_view text) {
  constexpr std::size_t longest = 64;
  std::string result(text.substr(0, longest));
  std::ranges::replace_if(
      result, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return '"' + result + (text.size() > longest ? "...\"" : "\"");
}

Error not_accepted(std::string_view name, std::string_view what, std::string_view is_accepted) {
  std::string context(name);
  context.append(": ").append(what).append("; accepted: ").append(is_accepted);
  return {ErrorCode::invalid_request, false, std::move(context)};
}

std::string folded(std::string_view name) {
  const bool is_list = name.ends_with(']') && name.find('[') != std::string_view::npos;
  std::string text(is_list ? name.substr(0, name.find('[')) : name);
  std::erase_if(text, [](char c) { return c == '_' || c == '-' || c == '.' || c == ' '; });
  return lower_case(text);
}

}  // namespace roktcached::rokt
