#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>

#include "server/departure.h"
#include "server/inbound/message.h"
#include "server/upstream/growing_answer.h"

namespace roktcached::exchange {

using upstream::GrowingAnswer;

/// Reads until it is known how an answer comes, and passes interim answers on to the client.
/// @return the head of an answer that comes in pieces; empty where the answer, or the failure to have one, is
/// with whoever sent the request, and where the client has gone
[[nodiscard]] boost::asio::awaitable<std::optional<upstream::AnswerHead>> read_beginning(
    const inbound::Request& request, GrowingAnswer::Reader& reader);

/// The content of an answer that comes in pieces, behind its head.
/// @param departure  of the client, as inbound::Request::departure
[[nodiscard]] std::shared_ptr<inbound::ContentSource> content_of(GrowingAnswer::ReaderPtr reader,
                                                                 Departure* departure);

}  // namespace roktcached::exchange
