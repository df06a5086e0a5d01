#include "core/http/validators.h"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>

#include "core/http/date.h"

namespace roktcached::http {

namespace {

constexpr std::size_t digest_bytes = 16;

/// The opaque-tag without the mark of a weak validator.
std::string_view opaque(std::string_view tag) {
  return tag.starts_with("W/") ? tag.substr(2) : tag;
}

/// The same, without the suffix that servers add to the tag of a compressed representation.
std::string_view plain_opaque(std::string_view tag) {
  static constexpr std::string_view suffix = "-gzip\"";
  tag = opaque(trimmed(tag));
  return tag.ends_with(suffix) ? tag.substr(0, tag.size() - suffix.size()) : tag.substr(0, tag.size() - 1);
}

}  // namespace

std::string digest_of(std::string_view bytes) {
  // With EVP_sha256() its implementation would be looked up for each body.
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  if (sha256 == nullptr ||
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, sha256, nullptr) != 1) {
    throw std::runtime_error("SHA-256 is not available");
  }
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < digest_bytes; ++i) {
    text += digits[digest[i] >> 4];
    text += digits[digest[i] & 15];
  }
  return text;
}

std::string entity_tag_of(std::string_view body) {
  return '"' + digest_of(body) + '"';
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

bool names_another(const Fields& not_modified, std::string_view entity_tag) {
  const auto tag = not_modified.find("ETag");
  if (!tag || trimmed(*tag).empty() || trimmed(entity_tag).empty()) return false;
  return plain_opaque(*tag) != plain_opaque(entity_tag);
}

bool unmodified_since(const Fields& request, std::string_view modified, WallTime now) {
  const auto since = request.find("If-Modified-Since");
  if (!since || request.count("If-Modified-Since") > 1) return false;
  const auto since_time = parse_date(trimmed(*since), now);
  const auto modified_time = parse_date(trimmed(modified), now);
  return since_time && modified_time && *modified_time <= *since_time;
}

bool modified_well_before(const Fields& fields, std::optional<WallTime> made_at, WallTime now) {
  if (const auto date = fields.find("Date")) made_at = parse_date(*date, now);
  const auto modified = parse_date(fields.find("Last-Modified").value_or(""), now);
  return made_at && modified && *modified + std::chrono::seconds{1} <= *made_at;
}

bool is_not_modified(const Fields& request, const Fields& stored, WallTime now) {
  if (request.contains("If-None-Match")) {
    const auto tag = stored.find("ETag");
    return none_match_fails(request, tag ? trimmed(*tag) : std::string_view());
  }
  if (!request.contains("If-Modified-Since")) return false;
  auto modified = stored.find("Last-Modified");
  if (!modified) modified = stored.find("Date");
  return unmodified_since(request, modified.value_or(std::string_view()), now);
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
