#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/secret.h"
#include "core/http/fields.h"

namespace roktcached::access {

/// The longest name that a caller can give itself, in bytes.
inline constexpr std::size_t max_caller_name = 64;

/// An id that must not be seen, and the name that stands for it. It is the id of one of our own credentials:
/// a client that was made for the upstream shows it here, too.
struct OwnId {
  config::Secret id;
  std::string name;
};

/// The caller's name, for fair shares, counters and logs: the id that it showed in Basic (RFC 7617), in the
/// form of a token request, or when it got its local token; else its address. A name proves nothing: it only
/// tells callers apart. An id that is longer than max_caller_name, or not made of `[A-Za-z0-9._-]`, is no
/// name.
/// @param form     the content of a token request without Authorization; else empty
/// @param address  the peer's
[[nodiscard]] std::string caller_of(const http::Fields& request, std::string_view form,
                                    std::string_view address, const std::vector<OwnId>& own_ids = {});

/// A local token, as the daemon's own token endpoint gives it. It has the caller's name, if there is one, and
/// a part that makes each token another.
[[nodiscard]] std::string local_token_for(std::string_view name);

/// The id in an Authorization of scheme Basic, if it is a name; else empty. A '%' is none of a name's
/// characters, so what has one is percent-decoded first: OAuth libraries encode it (RFC 6749, section 2.3.1).
[[nodiscard]] std::string basic_id(std::string_view authorization);

/// The client_id in the form of a token request (RFC 6749, section 2.3.1), if it is a name; else empty.
[[nodiscard]] std::string form_id(std::string_view form);

}  // namespace roktcached::access
