#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>

#include "server/http/message.h"
#include "server/net/departure.h"
#include "server/upstream/growing_answer.h"

namespace roktcached::proxy {

using upstream::GrowingAnswer;

/// Reads until it is known how an answer comes, and passes interim answers on to the client.
/// @return the head of an answer that comes in pieces; empty if the sender of the request has the answer or
///          the failure, and if the client has gone
[[nodiscard]] boost::asio::awaitable<std::optional<upstream::AnswerHead>> read_beginning(
    const http::Request& request, GrowingAnswer::Reader& reader);

/// The content of an answer that comes in pieces, behind its head.
/// @param departure  of the client, as http::Request::departure
[[nodiscard]] std::shared_ptr<http::ContentSource> content_of(GrowingAnswer::ReaderPtr reader,
                                                              Departure* departure);

}  // namespace roktcached::proxy
