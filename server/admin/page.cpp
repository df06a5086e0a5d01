#include "server/admin/page.h"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>
#include <string>

#include "core/base64.h"
#include "core/caching/body.h"
#include "core/http/validators.h"
#include "server/admin/page_document.h"

namespace roktcached::admin {

namespace {

/// A hash-source of the policy: 'sha256-' and the digest in base64.
std::string hash_source(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("SHA-256 is not available");
  return "'sha256-" + to_base64({reinterpret_cast<const char*>(digest.data()), size}) + "'";
}

/// The hash sources of all elements with that name whose text stands in the document.
std::string hash_sources(std::string_view document, std::string_view name) {
  const std::string opening = "<" + std::string(name) + ">";
  const std::string closing = "</" + std::string(name) + ">";
  std::string sources;
  for (auto at = document.find(opening); at != std::string_view::npos; at = document.find(opening, at)) {
    at += opening.size();
    const auto end = document.find(closing, at);
    sources += " " + hash_source(document.substr(at, end - at));
    at = end;
  }
  return sources;
}

/// The document, ready to be sent.
struct Page {
  caching::BodyPtr body = caching::share_body(std::string(page_document()));
  std::string entity_tag = http::entity_tag_of(*body);
  std::string policy = "default-src 'none'; script-src" + hash_sources(*body, "script") + "; style-src" +
                       hash_sources(*body, "style") +
                       "; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
                       "frame-ancestors 'none'";
};

}  // namespace

http::Answer page_answer(const http::Request& request) {
  static const Page page;
  http::Answer answer;
  answer.field("Cache-Control", "no-cache")
      .field("ETag", page.entity_tag)
      .field("Content-Security-Policy", page.policy)
      .field("X-Frame-Options", "DENY")
      .field("Referrer-Policy", "no-referrer");
  if (http::none_match_fails(request.fields, page.entity_tag)) {
    answer.status = 304;
    return answer;
  }
  answer.field("Content-Type", "text/html; charset=utf-8");
  answer.body = page.body;
  return answer;
}

}  // namespace roktcached::admin
