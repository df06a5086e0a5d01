#pragma once

#include <cstddef>

#include "config/settings.h"
#include "server/inbound/message.h"

namespace roktcached {

/// Sends everything that is logged to standard error, as text for people or JSON for machines, from a thread
/// of its own: when the reader of our log is slow, the oldest lines are lost and no request waits. Call once,
/// before any other thread runs; stop_logging() last.
void start_logging(const config::Log& settings);

/// Writes out what is queued.
void stop_logging();

/// One line about one request: who asked for which route, what became of it, how long the upstream took.
/// Never its target or fields: those may carry secrets. Safe from any thread.
void log_access(const inbound::Request& request, const inbound::Answer& answer, std::size_t body_bytes);

}  // namespace roktcached
