#include "server/http/access_log.h"

#include <fmt/compile.h>
#include <spdlog/spdlog.h>

#include <iterator>
#include <string>
#include <string_view>

#include "server/logging.h"

namespace roktcached::http {

namespace {

constexpr std::size_t usual_length = 512;

void write_line(spdlog::logger& logger, const Request& request, const Answer& answer, const Written& written,
                std::string_view route_name) {
  const AccessNotes& notes = answer.notes;
  const auto took = std::chrono::steady_clock::now() - request.received_at;
  const auto took_us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  const std::string key = notes.key ? caching::to_hex(*notes.key) : "-";
  const std::string upstream_ms = notes.upstream ? std::to_string(notes.upstream->count()) : "-";
  const std::string_view route = route_name.empty() ? "-" : route_name;
  const std::string_view reason = notes.reason.empty() ? "-" : notes.reason;
  const std::string_view not_stored = notes.not_stored.empty() ? "-" : notes.not_stored;
  // An event, see log_event.h, whose form is read when it is compiled: it is the same for each line, and a
  // hit would pay for reading it anew.
  fmt::basic_memory_buffer<char, usual_length> line;
  fmt::format_to(
      std::back_inserter(line),
      FMT_COMPILE("\x1e\x1frequest\x1f"
                  "client={}\x1froute={}\x1foutcome={}\x1freason={}\x1fstatus#{}\x1f"
                  "bytes#{}\x1f"
                  "cut={}\x1fnot_stored={}\x1ftook_us#{}\x1fupstream_ms#{}\x1fkey={}\x1frequest_id={}"),
      request.client, route, to_string(notes.outcome), reason, answer.status, written.content_bytes,
      to_string(written.cut), not_stored, took_us, upstream_ms, key, request.id);
  logger.info(std::string_view(line.data(), line.size()));
}

}  // namespace

void log_access(const Request& request, const Answer& answer, const Written& written,
                std::string_view route) noexcept {
  spdlog::logger* const logger = access_logger();
  if (logger == nullptr) return;
  try {
    write_line(*logger, request, answer, written, route);
  } catch (const std::exception&) {  // the answer has gone out: only its line is lost
    count_lost_line("out of memory");
  }
}

}  // namespace roktcached::http
