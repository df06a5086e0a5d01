#pragma once

#include <string>
#include <string_view>

#include "core/error.h"

namespace roktcached::rokt {

/// A text as a client sent it, fit for an error that ends up in logs and terminals: in double quotes, at most
/// 64 octets of it, what is not printable ASCII as '?'.
[[nodiscard]] std::string shown(std::string_view text);

/// "NAME: WHAT; accepted: ACCEPTED": the error of a parameter, or another part of a request.
/// @return invalid_request
[[nodiscard]] Error not_accepted(std::string_view name, std::string_view what, std::string_view accepted);

/// A name in the form in which names that people mistake for each other are equal: in lower case, without the
/// characters that set words apart ("date_start"), and without the brackets of a list behind it
/// ("groupby[]").
/// @param name  percent-decoded
[[nodiscard]] std::string folded(std::string_view name);

}  // namespace roktcached::rokt
