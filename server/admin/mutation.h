#pragma once

#include "config/secret.h"
#include "core/error.h"
#include "server/inbound/message.h"

namespace roktcached::admin {

/// Whether a request may change something: it carries the admin token (`Authorization: Bearer`), comes from
/// no other site's page (Origin absent, or this listener's own), and its content is JSON.
/// @param token  empty where none is configured: then nobody may
/// @return forbidden, unauthenticated or unsupported_media_type
[[nodiscard]] Result<void> check_mutation(const inbound::Request& request, const config::Secret& token);

}  // namespace roktcached::admin
