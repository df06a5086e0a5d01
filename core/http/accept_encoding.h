#pragma once

#include "core/http/fields.h"

namespace roktcached::http {

/// Whether a client wants gzip (RFC 9110, section 12.5.3): Accept-Encoding names gzip or x-gzip, or has `*`,
/// with a quality above 0 and no lower than that of identity. Without the field the answer is no: by the RFC
/// such a client takes anything, but most of these know no codings. A malformed member counts as a no. If
/// members contradict each other, the least willing one counts. A client that refuses identity, too, gets
/// identity: nothing else would serve it better.
[[nodiscard]] bool prefers_gzip(const Fields& request);

}  // namespace roktcached::http
