#pragma once

#include <memory>
#include <string_view>

#include "core/error.h"

namespace roktcached::upstream {

/// Undoes gzip (RFC 1952), piece by piece, in bounded memory. One member may follow another (section 2.2).
/// Belongs to one thread at a time; after a failure it is of no more use.
class GzipDecoder {
 public:
  GzipDecoder();
  ~GzipDecoder();
  GzipDecoder(const GzipDecoder&) = delete;
  GzipDecoder& operator=(const GzipDecoder&) = delete;

  /// Gives it more to decode.
  /// @pre next() has returned nothing since the last call
  /// @param coded  is there until next() returns nothing
  void feed(std::string_view coded);

  /// The next piece that comes out, valid until the next call; empty if all that was fed is used up.
  /// @return upstream_invalid_response if it is corrupt, or has other bytes behind its end
  [[nodiscard]] Result<std::string_view> next();

  /// Whether what was fed may be all: it ends where a member does.
  [[nodiscard]] bool is_complete() const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace roktcached::upstream
