#pragma once

#include <spdlog/sinks/base_sink.h>

#include <mutex>
#include <string>
#include <string_view>

#include "config/settings.h"
#include "core/descriptor.h"
#include "server/log_file.h"

namespace roktcached {

/// Whether standard error is a stream of the journal's: then $JOURNAL_STREAM is its "DEVICE:INODE"
/// (systemd.exec(5)).
/// @param journal_stream  that variable's value
[[nodiscard]] bool is_journal_stream(std::string_view journal_stream, int descriptor);

/// The systemd journal as a log, in its native protocol: one datagram a line, with PRIORITY, MESSAGE and the
/// fields of the event, "ROKTCACHED_ROUTE=campaign-overview", so that `journalctl ROKTCACHED_ROUTE=…` finds
/// them. A line that the journal does not take so goes to standard error, which is the journal's, too, with
/// its priority as sd-daemon(3) has it. Safe from any thread.
class Journal final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  /// @param format           of MESSAGE
  /// @param standard_error   takes over what the journal's socket does not take
  /// @param socket           the journal's
  Journal(config::LogFormat format, std::shared_ptr<LogFile> standard_error,
          std::string socket = "/run/systemd/journal/socket");

 private:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}
  [[nodiscard]] bool send(std::string_view datagram) noexcept;

  const config::LogFormat format_;
  const std::shared_ptr<LogFile> standard_error_;
  const std::string address_;
  const Descriptor socket_;
};

}  // namespace roktcached
