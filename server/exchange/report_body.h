#pragma once

#include <string_view>

namespace roktcached::exchange {

/// Whether `body` is whole JSON, as a report's or metadata's is: an object or an array (RFC 8259), or several
/// with white space or one comma between each two. White space around them and a byte order mark before them
/// do not count (section 8.1). Builds no tree; about 2 ms a MiB. Pure.
///
/// It tells a report from a sign-in page, and judges no more than that. So octets in strings that are no
/// UTF-8 pass, and halves of surrogate pairs, which programs write where they cut a text to a length. Nesting
/// beyond 128 levels, a bare number, NaN and comments do not pass.
[[nodiscard]] bool is_whole_json(std::string_view body);

/// Whether `beginning` may be the beginning of such a body. Looks at the first octets alone.
[[nodiscard]] bool may_begin_json(std::string_view beginning);

}  // namespace roktcached::exchange
