#include "core/http/validators.h"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>

namespace roktcached::http {

namespace {

constexpr std::size_t tag_bytes = 16;

/// The opaque-tag without the mark of a weak validator.
std::string_view opaque(std::string_view tag) {
  return tag.starts_with("W/") ? tag.substr(2) : tag;
}

}  // namespace

std::string entity_tag_of(std::string_view body) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  if (EVP_Digest(body.data(), body.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1) {
    throw std::runtime_error("SHA-256 is not available");
  }
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string tag = "\"";
  for (std::size_t i = 0; i < tag_bytes; ++i) {
    tag += digits[digest[i] >> 4];
    tag += digits[digest[i] & 15];
  }
  tag += '"';
  return tag;
}

bool none_match_fails(const Fields& request, std::string_view entity_tag) {
  for (const Field& field : request.all()) {
    if (!equal_ignoring_case(field.name, "If-None-Match")) continue;
    for (const auto member : list_members(field.value)) {
      if (member == "*" || opaque(member) == opaque(entity_tag)) return true;
    }
  }
  return false;
}

}  // namespace roktcached::http
