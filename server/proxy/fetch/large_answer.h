#pragma once

#include <boost/asio/any_io_executor.hpp>

#include "server/upstream/growing_answer.h"
#include "server/upstream/upstream.h"

namespace roktcached::proxy {

/// Hands the content of an answer to a report or metadata route that is too large to be kept on to all who
/// read it, and tells its end from a loss where nothing else does. On the upstream thread.
/// @param growing  ends, whatever happens
/// @pre it has readers
void pass_large_answer_on(const boost::asio::any_io_executor& upstream_executor,
                          std::shared_ptr<upstream::GrowingAnswer> growing,
                          upstream::LargeContentPtr content);

}  // namespace roktcached::proxy
