#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

struct redisReader;

namespace roktcached::fleet {

/// A reply of the engine, as its protocol has it (RESP2).
struct EngineReply {
  enum class Kind { nil, text, status, integer, list, error };

  Kind kind = Kind::nil;
  std::string text;  ///< of a text, a status or an error
  std::int64_t integer = 0;
  std::vector<EngineReply> items;  ///< of a list

  /// The element at `index` as text, an integer as its digits; empty if there is none.
  [[nodiscard]] std::string_view text_at(std::size_t index) const;
  /// The element at `index` as a number, whether it came as an integer or as digits; 0 if it is neither.
  /// At most 2^53 away from 0, so that nobody's sum of two overflows.
  [[nodiscard]] std::int64_t number_at(std::size_t index) const;
  /// The same for a number with a fraction; 0 if it is infinite or no number.
  [[nodiscard]] double real_at(std::size_t index) const;
  /// The same for a length of time, from none to `longest`.
  template <class Unit>
  [[nodiscard]] Unit length_at(std::size_t index, Unit longest) const {
    return Unit{std::clamp<std::int64_t>(number_at(index), 0, longest.count())};
  }
  [[nodiscard]] bool is_error(std::string_view beginning) const {
    return kind == Kind::error && text.starts_with(beginning);
  }
};

/// Makes replies of bytes as they come. The size of what the engine sends is bounded: an engine that lies
/// costs no more memory than twice `max_reply`, once for the bytes as they came and once for what was read
/// from them.
class EngineReplies {
 public:
  /// @param max_reply  bytes of one reply, and of the elements that it is made of
  explicit EngineReplies(std::size_t max_reply);
  EngineReplies(const EngineReplies&) = delete;
  EngineReplies& operator=(const EngineReplies&) = delete;

  /// @return upstream_invalid_response if the bytes are no reply, or one that is too large: the connection
  ///         is of no use any more
  [[nodiscard]] Result<void> feed(std::string_view bytes);
  /// The next whole reply; empty if more has to come first.
  [[nodiscard]] Result<std::optional<EngineReply>> next();

 private:
  struct Freer {
    void operator()(redisReader* reader) const;
  };

  std::unique_ptr<redisReader, Freer> reader_;
  std::size_t max_reply_;
  std::size_t unread_ = 0;  // bytes since the last whole reply
  std::size_t room_;        // bytes that the elements of the one that comes may still take
};

/// A command as it goes over the wire.
[[nodiscard]] std::string engine_command(const std::vector<std::string_view>& words);

}  // namespace roktcached::fleet
