#include "core/rokt/parameter_names.h"

#include <algorithm>
#include <array>
#include <string>

#include "core/edit_distance.h"

namespace roktcached::rokt {

namespace {

constexpr std::array<std::string_view, 5> known_parameters = {"dateStart", "dateEnd", "currency",
                                                              "timeZoneVariation", "groupby"};
/// The same as `folded` makes them.
constexpr std::array<std::string_view, 5> folded_parameters = {"datestart", "dateend", "currency",
                                                               "timezonevariation", "groupby"};
/// Anything longer is like none of them, and need not be compared.
constexpr std::size_t longest_name = 32;

/// In lower case, without what sets words apart and without brackets behind it.
std::string folded(std::string_view name) {
  const bool is_list = name.ends_with(']') && name.find('[') != std::string_view::npos;
  std::string text(is_list ? name.substr(0, name.find('[')) : name);
  std::erase_if(text, [](char c) { return c == '_' || c == '-' || c == '.' || c == ' '; });
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

}  // namespace

std::string_view nearly_known_parameter(std::string_view name) {
  if (name.size() > longest_name || std::ranges::find(known_parameters, name) != known_parameters.end())
    return {};
  const std::string asked = folded(name);
  for (std::size_t i = 0; i < known_parameters.size(); ++i) {
    const std::string_view right = folded_parameters.at(i);
    // Names whose lengths are further apart need not be compared.
    const bool may_be_near = asked.size() + 1 >= right.size() && right.size() + 1 >= asked.size();
    if (may_be_near && edit_distance(asked, right) <= 1) return known_parameters.at(i);
  }
  return {};
}

}  // namespace roktcached::rokt
