#pragma once

#include "server/http/message.h"

namespace roktcached::admin {

/// The dashboard: one document with a validator, and with a policy that lets the browser load nothing from
/// elsewhere and run nothing but the document's own scripts, which it names by their hashes (Content
/// Security Policy Level 3, section 2.3.1). 304 where the browser has it.
[[nodiscard]] http::Answer page_answer(const http::Request& request);

}  // namespace roktcached::admin
