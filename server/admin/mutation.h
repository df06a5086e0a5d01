#pragma once

#include "config/secret.h"
#include "core/error.h"
#include "server/http/message.h"

namespace roktcached::admin {

/// Whether a request may change something. It must carry the admin token (`Authorization: Bearer`), or come
/// over a Unix socket that only its owner can open. Its content must be JSON, which the form of a web page
/// cannot send.
/// @param token  empty: none is configured, so that nothing may be changed over TCP
/// @return forbidden, unauthenticated, invalid_token or unsupported_media_type
[[nodiscard]] Result<void> check_mutation(const http::Request& request, const config::Secret& token,
                                          bool over_unix_socket);

}  // namespace roktcached::admin
