#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>

#include "core/error.h"
#include "storage/body_account.h"

namespace roktcached {

/// Adds `bytes` to what grows; waits for a moment where there is no room yet, but something gives way to it.
/// Resumes on the caller's executor.
/// @return false where there is none
[[nodiscard]] boost::asio::awaitable<bool> wait_for_room(storage::BodyAccount::Growing& growing,
                                                         std::size_t bytes);

/// Waits for a moment, in which what gives way does.
[[nodiscard]] boost::asio::awaitable<void> wait_for_way();
/// How often wait_for_way is worth it for one body.
constexpr int waits_for_way_max = 50;

/// There is no room in memory for an answer.
[[nodiscard]] Error no_room();

}  // namespace roktcached
