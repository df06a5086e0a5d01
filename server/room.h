#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>

#include "core/error.h"
#include "storage/body_account.h"

namespace roktcached {

/// Adds `bytes` to a growing body. If there is no room in memory yet, but a slow client gives way, it waits a
/// moment for that. Resumes on the caller's executor.
/// @return false if there is no room
[[nodiscard]] boost::asio::awaitable<bool> wait_for_room(storage::BodyAccount::Growing& growing,
                                                         std::size_t bytes);

/// Waits a moment, in which a slow client that was asked to give way does so.
[[nodiscard]] boost::asio::awaitable<void> wait_for_way();
/// How often to call wait_for_way for one body at the most.
constexpr int waits_for_way_max = 50;

/// The error of an answer for which there is no room in memory.
[[nodiscard]] Error no_room();

}  // namespace roktcached
