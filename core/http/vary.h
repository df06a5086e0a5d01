#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/http/fields.h"

namespace roktcached::http {

/// The request fields that Vary names (RFC 9110, section 12.5.5).
struct Vary {
  bool any = false;                ///< "*": no other request can be said to match
  std::vector<std::string> names;  ///< lower case, sorted, each once
};

[[nodiscard]] Vary parse_vary(const Fields& response);

/// The values of the fields that `names` lists, as one line; two requests match if their lines are equal.
/// Each field line counts as it is. Spellings are the same only if the field's own definition says so (RFC
/// 9111, section 4.1). For a list, such as Accept, the lines are combined, and spaces around commas dropped.
/// In Accept-Language, case and the order of the members do not count either, since weights tell preferences
/// (RFC 9110, section 12.5.4).
[[nodiscard]] std::string selecting_values(const std::vector<std::string>& names, const Fields& request);

}  // namespace roktcached::http
