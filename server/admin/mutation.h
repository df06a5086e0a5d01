#pragma once

#include "config/secret.h"
#include "core/error.h"
#include "server/http/message.h"

namespace roktcached::admin {

/// Whether a request may change something: it carries the admin token (`Authorization: Bearer`), or came over
/// a Unix socket that only its owner can open; and its content is JSON, as no page's form can send it.
/// @param token  empty where none is configured: then nobody may who needs one
/// @return forbidden, unauthenticated, invalid_token or unsupported_media_type
[[nodiscard]] Result<void> check_mutation(const http::Request& request, const config::Secret& token,
                                          bool over_unix_socket);

}  // namespace roktcached::admin
