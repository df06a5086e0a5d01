#include "server/session/request_id.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>

namespace roktcached::session {

namespace {

bool is_acceptable(std::string_view id) {
  return !id.empty() && id.size() <= 128 && std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._~:/+=@-").find(c) != std::string_view::npos;
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

constexpr auto hex_pairs = [] {
  constexpr std::string_view digits = "0123456789abcdef";
  std::array<std::array<char, 2>, 256> pairs{};
  for (std::size_t byte = 0; byte < pairs.size(); ++byte)
    pairs[byte] = {digits[byte >> 4], digits[byte & 15]};
  return pairs;
}();

char* write_hex(char* to, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8)
    to = std::ranges::copy(hex_pairs[number >> shift & 255], to).out;
  return to;
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
  write_hex(write_hex(id.data(), numbers[0].next()), numbers[1].next());
  to.append(id.data(), id.size());
}

}  // namespace roktcached::session
