#include "config/secret_hash.h"

#include <openssl/evp.h>

#include <charconv>

namespace roktcached::config {

namespace {

constexpr std::string_view scheme = "$scrypt$";
constexpr std::uint64_t most_memory = std::uint64_t{256} << 20;

bool is_between(std::size_t value, std::size_t least, std::size_t most) {
  return value >= least && value <= most;
}

std::string to_base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');  // and the zero that OpenSSL appends
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text.substr(0, text.find('='));
}

/// Takes the one spelling only that to_base64 makes: OpenSSL's reader is lenient.
std::optional<std::string> from_base64(std::string_view text) {
  const std::size_t padding = (4 - text.size() % 4) % 4;
  const std::string padded = std::string(text) + std::string(padding, '=');
  std::string bytes(padded.size() / 4 * 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(padded.data()), static_cast<int>(padded.size()));
  if (size < 0 || static_cast<std::size_t>(size) < padding) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return to_base64(bytes) == text ? std::optional(std::move(bytes)) : std::nullopt;
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
  auto salt = from_base64(text.substr(0, dollar));
  auto hash = from_base64(text.substr(dollar + 1));
  if (!salt || !is_between(salt->size(), 8, 64) || !hash || !is_between(hash->size(), 32, 64))
    return std::nullopt;
  result.salt = std::move(*salt);
  result.hash = std::move(*hash);
  return result;
}

std::string to_string(const SecretHash& hash) {
  return std::string(scheme) + "ln=" + std::to_string(hash.log2_n) + ",r=" + std::to_string(hash.r) +
         ",p=" + std::to_string(hash.p) + "$" + to_base64(hash.salt) + "$" + to_base64(hash.hash);
}

}  // namespace roktcached::config
