#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/time.h"

namespace roktcached::fleet {

/// Writes values one after the other, as octets: an integer as eight, the highest first; a text after its
/// length in four; an optional value after one octet that says whether it is there.
class Serializer {
 public:
  /// @param kind, version  what is written, and in which form: the reader asks for the same
  /// @param room  octets: what is no longer is not copied as it grows, which would leave parts in memory
  Serializer(char kind, char version, std::size_t room = 0) {
    octets_.reserve(room);
    octets_ += kind;
    octets_ += version;
  }

  Serializer& octet(std::uint8_t value);
  Serializer& number(std::uint64_t value);
  Serializer& time(WallTime value) { return number(static_cast<std::uint64_t>(unix_ms(value))); }
  /// @throws std::length_error for 4 GiB or more
  Serializer& text(std::string_view value);
  Serializer& flag(bool value) { return octet(value ? 1 : 0); }
  Serializer& optional_time(const std::optional<WallTime>& value);
  Serializer& optional_text(const std::optional<std::string>& value);

  [[nodiscard]] std::string take() { return std::move(octets_); }

 private:
  std::string octets_;
};

/// Reads them back, from octets that may be anything. After the first value that cannot be read all others
/// are zero or empty, and `complete` is false. Borrows the octets, and so do the texts: nothing is copied and
/// no memory is taken, whatever lengths the octets claim.
class Deserializer {
 public:
  Deserializer(std::string_view octets, char kind, char version);

  [[nodiscard]] std::uint8_t octet();
  /// @param max  a larger one cannot be read
  [[nodiscard]] std::uint64_t number(std::uint64_t max);
  /// Within half a million years of the epoch, so that no sum of two overflows.
  [[nodiscard]] WallTime time();
  [[nodiscard]] std::string_view text();
  [[nodiscard]] bool flag();
  [[nodiscard]] std::optional<WallTime> optional_time();
  [[nodiscard]] std::optional<std::string> optional_text();

  /// For what a caller finds wrong with a value.
  void fail();
  /// Every value was read, and nothing is behind them.
  [[nodiscard]] bool complete() const { return !failed_ && rest_.empty(); }

 private:
  [[nodiscard]] std::string_view take(std::uint64_t size);

  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace roktcached::fleet
