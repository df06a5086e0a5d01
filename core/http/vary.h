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

/// What a request says in the fields that `names` lists, as one line; two requests match (RFC 9111, section
/// 4.1) where their lines are equal. Field lines of one name are combined, whitespace around list commas
/// is dropped, and Accept-Language is put in order: case, spaces and the order of its members mean nothing.
[[nodiscard]] std::string selecting_values(const std::vector<std::string>& names, const Fields& request);

}  // namespace roktcached::http
