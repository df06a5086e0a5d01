#pragma once

#include <boost/json/value.hpp>
#include <csignal>
#include <optional>
#include <string>
#include <string_view>

#include "config/settings.h"
#include "core/error.h"

namespace roktcached::commands {

struct AdminAnswer {
  unsigned status = 0;
  std::string body;
};

/// Set by a signal that is to end the waiting for an answer; null: nothing does.
using StopFlag = const volatile std::sig_atomic_t*;

/// Sends `POST path` with JSON content and the admin token to the admin listener of a daemon that runs with
/// these settings, and waits for the answer: a purge of very many entries takes its time. Asks again if the
/// daemon has handed over to another one, for some seconds.
/// @return unavailable if nobody answers, or there is no such listener
[[nodiscard]] Result<AdminAnswer> post_to_admin(const config::Admin& admin, const std::string& path,
                                                const std::string& json, StopFlag stop = nullptr);

/// The same with `GET target`, without a token.
[[nodiscard]] Result<AdminAnswer> get_from_admin(const config::Admin& admin, const std::string& target);

/// The message for a name that no route has; empty if a route has it, or no name is given.
[[nodiscard]] std::string route_mistake(const config::Settings& settings,
                                        const std::optional<std::string>& name);

/// The JSON of an answer of status 200; empty where it is another, or no JSON.
[[nodiscard]] std::optional<boost::json::value> content_of(const AdminAnswer& answer);

/// Says on standard error that the daemon has answered with an error, and which. @return failed
int fail_with(const AdminAnswer& answer);

/// The member `name` of the answer's JSON object, as text; empty if there is none.
[[nodiscard]] std::string member_of(const AdminAnswer& answer, std::string_view name);

}  // namespace roktcached::commands
