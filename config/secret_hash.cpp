#include "config/secret_hash.h"

#include <charconv>
#include <utility>

#include "core/base64.h"

namespace roktcached::config {

namespace {

constexpr std::string_view scheme = "$scrypt$";
constexpr std::uint64_t most_memory = std::uint64_t{256} << 20;

bool is_between(std::size_t value, std::size_t least, std::size_t most) {
  return value >= least && value <= most;
}

/// The scheme's base64 has no padding.
std::string without_padding(std::string text) {
  return text.substr(0, text.find('='));
}

std::optional<std::string> from_unpadded(std::string_view text) {
  return text.ends_with('=') ? std::nullopt : from_base64(text);
}

/// Takes `text` from the front of `rest`.
bool take(std::string_view& rest, std::string_view text) {
  if (!rest.starts_with(text)) return false;
  rest.remove_prefix(text.size());
  return true;
}

/// Takes a decimal number without leading zeros, of the range, from the front of `rest`.
bool take(std::string_view& rest, unsigned& value, unsigned least, unsigned most) {
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (error != std::errc() || rest.starts_with('0') || !is_between(value, least, most)) return false;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return true;
}

}  // namespace

std::optional<SecretHash> parse_secret_hash(std::string_view text) {
  constexpr std::size_t longest = 256;  // the largest that the bounds allow is well below
  if (text.size() > longest) return std::nullopt;
  SecretHash result;
  const bool has_costs = take(text, scheme) && take(text, "ln=") && take(text, result.log2_n, 10, 20) &&
                         take(text, ",r=") && take(text, result.r, 1, 32) && take(text, ",p=") &&
                         take(text, result.p, 1, 16) && take(text, "$");
  const auto dollar = text.find('$');
  if (!has_costs || dollar == std::string_view::npos || result.memory() > most_memory) return std::nullopt;
  auto salt = from_unpadded(text.substr(0, dollar));
  auto hash = from_unpadded(text.substr(dollar + 1));
  if (!salt || !is_between(salt->size(), 8, 64) || !hash || !is_between(hash->size(), 32, 64))
    return std::nullopt;
  result.salt = std::move(*salt);
  result.hash = std::move(*hash);
  return result;
}

std::string to_string(const SecretHash& hash) {
  return std::string(scheme) + "ln=" + std::to_string(hash.log2_n) + ",r=" + std::to_string(hash.r) +
         ",p=" + std::to_string(hash.p) + "$" + without_padding(to_base64(hash.salt)) + "$" +
         without_padding(to_base64(hash.hash));
}

}  // namespace roktcached::config
