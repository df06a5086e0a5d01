#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <cstddef>
#include <utility>

#include "server/asio.h"

namespace roktcached {

/// Content from this size on is compressed, inflated and compared elsewhere: that takes longer than to change
/// threads twice, and whoever else is served by this one would wait for it.
inline constexpr std::size_t worth_another_thread = std::size_t{16} << 10;
/// The same of content under a coding: it may become a thousand times as large.
inline constexpr std::size_t worth_another_thread_coded = std::size_t{2} << 10;

/// Does `work` on another executor and resumes on the caller's. What `work` refers to is the caller's, which
/// waits; what it throws is thrown here.
template <class Work>
[[nodiscard]] asio::awaitable<void> run_on(asio::any_io_executor executor, Work work) {
  auto there = [](Work to_do) -> asio::awaitable<void> {
    to_do();
    co_return;
  };
  auto doing = there(std::move(work));
  co_await asio::co_spawn(executor, std::move(doing), asio::use_awaitable);
}

}  // namespace roktcached
