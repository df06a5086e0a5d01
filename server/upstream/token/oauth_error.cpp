#include "server/upstream/token/oauth_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <iterator>
#include <optional>
#include <utility>

#include "core/ascii.h"
#include "core/base64.h"
#include "core/http/octets.h"

namespace roktcached::upstream {

namespace {

constexpr std::size_t max_content = 64 * 1024;
constexpr std::size_t max_code = 64;
constexpr std::size_t max_description = 200;
/// A part of a credential that is as long as this tells something of it.
constexpr std::size_t telling_part = 8;

std::string in_hexadecimal(std::string_view bytes) {
  std::string text;
  text.reserve(2 * bytes.size());  // leaves no copy behind
  for (const char c : bytes)
    fmt::format_to(std::back_inserter(text), "{:02x}", static_cast<unsigned char>(c));
  return text;
}

std::string percent_decoded(std::string_view text) {
  using http::Octet;
  std::string decoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool encoded = text[at] == '%' && at + 2 < text.size() && is(Octet::hex_digit, text[at + 1]) &&
                         is(Octet::hex_digit, text[at + 2]);
    if (!encoded) {
      decoded += text[at];
      continue;
    }
    decoded += static_cast<char>(http::hex_value(text[at + 1]) * 16 + http::hex_value(text[at + 2]));
    at += 2;
  }
  return decoded;
}

/// The base64 of `secret` as it stands in that of a longer text, with `shift` bytes before it: only the
/// digits that no neighbour has a part in.
config::Secret within_base64(std::string_view secret, std::size_t shift) {
  const std::size_t whole = (shift + secret.size()) / 3 * 3;
  if (whole < shift) return config::Secret();
  std::string text;
  text.reserve(whole);  // leaves no copy behind
  text.append(shift, '\0').append(secret.substr(0, whole - shift));
  const config::Secret bytes(std::move(text));
  std::string digits = to_base64url(bytes.reveal());
  digits.erase(0, (shift * 8 + 5) / 6);
  return config::Secret(std::move(digits));
}

/// Whether `text` has `secret`, or a telling part of it.
bool has_part(std::string_view text, std::string_view secret) {
  if (secret.empty()) return false;
  const std::size_t size = std::min(secret.size(), telling_part);
  for (std::size_t at = 0; at + size <= secret.size(); ++at) {
    if (text.find(secret.substr(at, size)) != std::string_view::npos) return true;
  }
  return false;
}

/// @param text  without anything unprintable, which could stand between two characters of the secret
bool repeats(std::string_view text, const config::Secret& secret) {
  const std::string plain = lower_case(text);
  std::string url_safe = plain;
  std::ranges::replace(url_safe, '+', '-');
  std::ranges::replace(url_safe, '/', '_');
  const config::Secret lower(lower_case(secret.reveal()));
  const config::Secret hexadecimal(in_hexadecimal(secret.reveal()));
  if (has_part(plain, lower.reveal()) || has_part(lower_case(percent_decoded(text)), lower.reveal()))
    return true;
  if (has_part(plain, hexadecimal.reveal())) return true;
  for (std::size_t shift = 0; shift < 3; ++shift) {
    const config::Secret digits = within_base64(secret.reveal(), shift);
    const config::Secret encoded(lower_case(digits.reveal()));
    // Fewer digits are found in any text.
    if (encoded.reveal().size() >= telling_part && has_part(url_safe, encoded.reveal())) return true;
  }
  return false;
}

std::string printable(std::string_view text) {
  std::string kept;
  std::ranges::copy_if(text, std::back_inserter(kept), [](char c) { return c >= 0x20 && c < 0x7f; });
  return kept;
}

std::optional<std::string> text_of(const boost::json::object& answer, std::string_view name) {
  const auto* const value = answer.if_contains(name);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return printable(std::string_view(value->get_string()));
}

/// Without what would tell of the credential, and cut off where it is too long.
std::string fit_to_be_shown(std::string text, std::size_t max_size, const config::Credential& credential) {
  if (repeats(text, credential.app_secret) || repeats(text, credential.app_id))
    return "withheld: it repeats the credential";
  if (text.size() > max_size) text.replace(max_size, std::string::npos, "...");
  return text;
}

}  // namespace

OAuthError read_oauth_error(std::string_view content, const config::Credential& credential) {
  OAuthError error;
  if (content.size() > max_content) return error;
  boost::system::error_code failure;
  const auto value = boost::json::parse(boost::json::string_view(content), failure);
  if (failure || !value.is_object()) return error;
  if (auto code = text_of(value.get_object(), "error"))
    error.code = fit_to_be_shown(std::move(*code), max_code, credential);
  if (auto description = text_of(value.get_object(), "error_description"))
    error.description = fit_to_be_shown(std::move(*description), max_description, credential);
  return error;
}

std::string to_string(const OAuthError& error) {
  if (error.code.empty() || error.description.empty()) return error.code + error.description;
  return fmt::format("{} ({})", error.code, error.description);
}

}  // namespace roktcached::upstream
