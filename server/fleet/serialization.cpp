#include "server/fleet/serialization.h"

#include <limits>
#include <stdexcept>

namespace roktcached::fleet {

namespace {

constexpr std::size_t length_size = 4;
constexpr std::size_t number_size = 8;
constexpr std::int64_t latest_ms = std::int64_t{1} << 54;

/// The highest octet first.
void append_number(std::string& octets, std::uint64_t value, std::size_t size) {
  for (std::size_t left = size; left > 0; --left)
    octets += static_cast<char>((value >> (8 * (left - 1))) & 0xffU);
}

std::uint64_t number_of(std::string_view octets) {
  std::uint64_t value = 0;
  for (const char octet : octets) value = value << 8U | static_cast<unsigned char>(octet);
  return value;
}

}  // namespace

Serializer& Serializer::octet(std::uint8_t value) {
  octets_ += static_cast<char>(value);
  return *this;
}

Serializer& Serializer::number(std::uint64_t value) {
  append_number(octets_, value, number_size);
  return *this;
}

Serializer& Serializer::text(std::string_view value) {
  if (value.size() > std::numeric_limits<std::uint32_t>::max())
    throw std::length_error("a text of 4 GiB or more");
  append_number(octets_, value.size(), length_size);
  octets_ += value;
  return *this;
}

Serializer& Serializer::optional_time(const std::optional<WallTime>& value) {
  flag(value.has_value());
  return value ? time(*value) : *this;
}

Serializer& Serializer::optional_text(const std::optional<std::string>& value) {
  flag(value.has_value());
  return value ? text(*value) : *this;
}

Deserializer::Deserializer(std::string_view octets, char kind, char version) : rest_(octets) {
  const std::string_view head = take(2);
  if (head.empty() || head[0] != kind || head[1] != version) fail();
}

void Deserializer::fail() {
  failed_ = true;
  rest_ = {};
}

std::string_view Deserializer::take(std::uint64_t size) {
  if (failed_ || rest_.size() < size) {
    fail();
    return {};
  }
  const std::string_view taken = rest_.substr(0, static_cast<std::size_t>(size));
  rest_.remove_prefix(taken.size());
  return taken;
}

std::uint8_t Deserializer::octet() {
  return static_cast<std::uint8_t>(number_of(take(1)));
}

std::uint64_t Deserializer::number(std::uint64_t max) {
  const std::uint64_t value = number_of(take(number_size));
  if (value <= max) return value;
  fail();
  return 0;
}

WallTime Deserializer::time() {
  const auto ms = static_cast<std::int64_t>(number(std::numeric_limits<std::uint64_t>::max()));
  if (ms >= -latest_ms && ms <= latest_ms) return wall_time_from_unix_ms(ms);
  fail();
  return {};
}

std::string_view Deserializer::text() {
  return take(number_of(take(length_size)));
}

bool Deserializer::flag() {
  const std::uint8_t value = octet();
  if (value > 1) fail();
  return value == 1;
}

std::optional<WallTime> Deserializer::optional_time() {
  return flag() ? std::optional(time()) : std::nullopt;
}

std::optional<std::string> Deserializer::optional_text() {
  return flag() ? std::optional(std::string(text())) : std::nullopt;
}

}  // namespace roktcached::fleet
