#pragma once

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include "server/wiped_buffer.h"

namespace roktcached::upstream {

/// A request as it goes over the wire: of HTTP/1.1, its content, if any, announced by Content-Length.
using WireRequest = boost::beast::http::request<boost::beast::http::string_body>;

/// Appends the head of `request`, its empty line too (RFC 9112, section 2.1), to an empty buffer. In one
/// piece, made once: Beast's own writer gathers two for each field. A credential that the request shows is
/// wiped with the buffer.
void append_head(WipedBuffer& buffer, const WireRequest& request);

}  // namespace roktcached::upstream
