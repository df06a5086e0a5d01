#include "core/http/validators.h"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>

#include "core/http/date.h"

namespace roktcached::http {

namespace {

constexpr std::size_t tag_bytes = 16;

/// The opaque-tag without the mark of a weak validator.
std::string_view opaque(std::string_view tag) {
  return tag.starts_with("W/") ? tag.substr(2) : tag;
}

}  // namespace

std::string entity_tag_of(std::string_view body) {
  // With EVP_sha256() its implementation would be looked up for each body.
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  if (sha256 == nullptr ||
      EVP_Digest(body.data(), body.size(), digest.data(), nullptr, sha256, nullptr) != 1) {
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

bool is_not_modified(const Fields& request, const Fields& stored, WallTime now) {
  if (request.contains("If-None-Match")) {
    const auto tag = stored.find("ETag");
    return none_match_fails(request, tag ? trimmed(*tag) : std::string_view());
  }
  const auto since = request.find("If-Modified-Since");
  const auto since_time =
      since && request.count("If-Modified-Since") == 1 ? parse_date(*since, now) : std::nullopt;
  if (!since_time) return false;
  auto modified = stored.find("Last-Modified");
  if (!modified) modified = stored.find("Date");
  const auto modified_time = modified ? parse_date(*modified, now) : std::nullopt;
  return modified_time && *modified_time <= *since_time;
}

bool belongs_in_not_modified(std::string_view name) {
  static constexpr std::array<std::string_view, 8> of_content = {
      "Content-Length", "Content-Type",   "Content-Encoding", "Content-Language",
      "Content-Range",  "Content-Digest", "Content-MD5",      "Repr-Digest"};
  for (const auto known : of_content) {
    if (equal_ignoring_case(name, known)) return false;
  }
  return true;
}

}  // namespace roktcached::http
