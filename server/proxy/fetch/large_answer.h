#pragma once

#include <boost/asio/any_io_executor.hpp>

#include "server/upstream/growing_answer.h"
#include "server/upstream/upstream.h"

namespace roktcached::proxy {

/// Passes on the content of an answer to a report or metadata route that is too large to be kept, to all who
/// read it. If nothing else does, it tells the end of the content from a loss. On the upstream thread.
/// @param growing  ends, whatever happens
/// @pre it has readers
void pass_large_answer_on(const boost::asio::any_io_executor& upstream_executor,
                          std::shared_ptr<upstream::GrowingAnswer> growing,
                          upstream::LargeContentPtr content);

}  // namespace roktcached::proxy
