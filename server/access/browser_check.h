#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/http/fields.h"

namespace roktcached::access {

/// Whether a web page of another origin (RFC 6454) that is not allowed is behind the request, by what the
/// browser says in Origin and Sec-Fetch-Site. No other program sends these.
///
/// A link to here may be followed: whoever clicks on it sees the answer in a window of its own, and the page
/// sees nothing of it (Fetch Metadata, sections 2.1 and 2.2: a navigation whose destination is a document). A
/// frame does not count as that, nor does a page that the browser loads in advance.
/// @param method     of the request
/// @param encrypted  the request came over TLS, so that our own origin is https
/// @param allowed    origins, in lower case
/// @return the allowed origin that may read the answer; empty if none asks; else forbidden
[[nodiscard]] Result<std::string_view> reading_origin(std::string_view method, const http::Fields& request,
                                                      bool encrypted,
                                                      const std::vector<std::string>& allowed);

/// Field lines for every answer: what a browser may let pages do with it (Fetch, section 3).
/// @param origin      from reading_origin
/// @param any_allowed  there are origins for which the answer would be another one
void add_browser_fields(std::string& head, std::string_view origin, bool any_allowed);

/// True for the request with which a browser asks whether it may send another one (Fetch, section 4.8).
[[nodiscard]] bool is_preflight(std::string_view method, std::string_view origin,
                                const http::Fields& request);

/// Field lines for the answer to one, besides add_browser_fields.
/// @param methods  that may be sent to its target, as Access-Control-Allow-Methods lists them
[[nodiscard]] std::string preflight_fields(const http::Fields& request, std::string_view methods);

}  // namespace roktcached::access
