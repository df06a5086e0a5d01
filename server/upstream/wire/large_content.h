#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/error.h"
#include "storage/body_account.h"

namespace roktcached::upstream {

class UpstreamConnection;
class GzipDecoder;

/// The content of an answer that is larger than upstream.max_response. It is read from the connection as it
/// is asked for: a slow client slows the upstream down, and costs no memory.
///
/// Belongs to the upstream thread.
class LargeContent {
 public:
  /// @param beginning   has come already
  /// @param connection  the rest comes from it; null: there is none
  /// @param held        what `beginning` takes; counted to the end, since a client may be at it until then
  LargeContent(std::string beginning, std::shared_ptr<UpstreamConnection> connection,
               storage::BodyAccount::Growing held = {});
  ~LargeContent();
  LargeContent(const LargeContent&) = delete;
  LargeContent& operator=(const LargeContent&) = delete;

  /// From now on what comes is gzip, and is handed over without.
  /// @param helpers  where it is inflated, on another thread; outlives this
  void inflate(boost::asio::any_io_executor helpers);

  /// Waits for the first piece. next() hands it over.
  /// @return as next()
  [[nodiscard]] boost::asio::awaitable<Result<void>> begin();
  /// The first piece, after begin().
  [[nodiscard]] const std::string& beginning() const { return beginning_; }

  /// The next piece; empty at the end.
  /// @return upstream_timeout or upstream_invalid_response if the content breaks off: what came is not
  /// whole
  [[nodiscard]] boost::asio::awaitable<Result<std::string>> next();

  /// Nothing more of it is wanted: what is waited for fails.
  void close();

  /// The length of all of it, if it is known.
  [[nodiscard]] std::optional<std::uint64_t> length() const { return length_; }
  /// Whether nothing but the connection's end tells its end, so that it may have been cut.
  [[nodiscard]] bool may_be_cut() const { return may_be_cut_; }

 private:
  boost::asio::awaitable<Result<std::string>> read();
  boost::asio::awaitable<Result<std::string>> receive();
  boost::asio::awaitable<Result<std::string>> receive_inflated();

  const storage::BodyAccount::Growing held_;
  std::string beginning_;  // handed over next, where there is any
  std::string received_;   // before all else
  std::string coded_;      // the decoder is at it
  std::optional<std::uint64_t> length_;
  bool may_be_cut_;
  std::shared_ptr<UpstreamConnection> connection_;  // null once all has come
  std::unique_ptr<GzipDecoder> decoder_;            // null: nothing is to be inflated
  std::optional<boost::asio::any_io_executor> helpers_;
};

using LargeContentPtr = std::shared_ptr<LargeContent>;

}  // namespace roktcached::upstream
