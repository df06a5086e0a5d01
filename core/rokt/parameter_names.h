#pragma once

#include <string_view>

namespace roktcached::rokt {

/// The parameter of the Reporting API that somebody most likely meant by `name`, where that is none itself:
/// one in another case ("groupBy"), with one typing error ("currrency"), with its words set apart
/// ("date_start"), or with the brackets of a list ("groupby[]"). The API ignores a name that it does not
/// know, and answers with other rows than were asked for.
/// @param name  percent-decoded
/// @return empty where `name` is right, or like none
[[nodiscard]] std::string_view nearly_known_parameter(std::string_view name);

}  // namespace roktcached::rokt
