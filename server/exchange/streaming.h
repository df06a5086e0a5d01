#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>

#include "server/inbound/message.h"
#include "server/upstream/answer_stream.h"
#include "server/upstream/large_content.h"

namespace roktcached::exchange {

/// Reads from `stream` until it is known how the answer comes, and passes interim answers on to the client.
/// @return the head of an answer that comes in pieces; empty where the answer, or the failure to have one, is
/// with who sent the request
[[nodiscard]] boost::asio::awaitable<std::optional<upstream::AnswerHead>> read_beginning(
    const inbound::Request& request, upstream::AnswerStream& stream);

/// The pieces of a stream behind its head; the stream is abandoned with it.
[[nodiscard]] std::shared_ptr<inbound::ContentSource> content_of(
    std::shared_ptr<upstream::AnswerStream> stream);

/// The pieces of an answer that is larger than upstream.max_response. Lets go of the upstream with the last
/// copy.
/// @param desk  the executor that `content` belongs to
[[nodiscard]] std::shared_ptr<inbound::ContentSource> content_of(boost::asio::any_io_executor desk,
                                                                 upstream::LargeContentPtr content);

}  // namespace roktcached::exchange
