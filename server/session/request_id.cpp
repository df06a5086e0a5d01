#include "server/session/request_id.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <random>

#include "core/ascii.h"

namespace roktcached::session {

namespace {

bool is_acceptable(std::string_view id) {
  return !id.empty() && id.size() <= 128 && std::ranges::all_of(id, [](char c) {
    return is_letter_or_digit(c) || std::string_view("._~:/+=@-").find(c) != std::string_view::npos;
  });
}

/// SplitMix64: passes through all numbers of 64 bits, each once, in an order of no visible pattern. Ids must
/// be unique, not secret.
class Numbers {
 public:
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31);
  }

 private:
  static std::uint64_t seed() {
    std::random_device device;
    const std::uint64_t high = device();
    return high << 32 | device();
  }

  std::uint64_t state_ = seed();
};

/// Eight hex digits at once.
/// @param halves  each of its bytes is one digit, 0 to 15
std::uint64_t hex_digits(std::uint64_t halves) {
  constexpr std::uint64_t each_byte = 0x0101010101010101U;
  constexpr std::uint64_t to_letter = 'a' - '0' - 10;
  const std::uint64_t letters = ((halves + 6 * each_byte) >> 4) & each_byte;  // 1 where it is over 9
  return halves + '0' * each_byte + letters * to_letter;
}

/// 16 hex digits, of a number that nobody reads as one: they are in no order.
void write_hex(char* to, std::uint64_t number) {
  constexpr std::uint64_t low_halves = 0x0f0f0f0f0f0f0f0fU;
  const std::array<std::uint64_t, 2> digits = {hex_digits(number & low_halves),
                                               hex_digits((number >> 4) & low_halves)};
  std::memcpy(to, digits.data(), sizeof(digits));
}

}  // namespace

void append_request_id(std::string& to, const http::Fields& request) {
  const auto sent = request.find("X-Request-Id");
  if (sent && request.count("X-Request-Id") == 1 && is_acceptable(*sent)) {
    to += *sent;
    return;
  }
  thread_local std::array<Numbers, 2> numbers;
  std::array<char, 32> id;
  write_hex(id.data(), numbers[0].next());
  write_hex(id.data() + id.size() / 2, numbers[1].next());
  to.append(id.data(), id.size());
}

}  // namespace roktcached::session
