#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace roktcached {

namespace asio = boost::asio;

/// The completion token of every asynchronous operation here: the error comes back as a value,
/// `const auto [error, n] = co_await stream.async_read_some(buffer, as_result);`.
inline constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

}  // namespace roktcached
