#include "server/admin/mutation.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "core/http/fields.h"
#include "server/access/presented.h"

namespace roktcached::admin {

namespace {

Error refused(ErrorCode code, std::string context) {
  return {.code = code, .source = ErrorSource::admin, .retryable = false, .context = std::move(context)};
}

/// RFC 6750, section 2.1. In constant time, but for the length.
bool has_token(const http::Fields& fields, const config::Secret& token) {
  constexpr std::string_view scheme = "Bearer ";
  const auto authorization = fields.find("Authorization");
  if (!authorization || fields.count("Authorization") != 1) return false;
  if (!http::equal_ignoring_case(authorization->substr(0, scheme.size()), scheme)) return false;
  const std::string_view sent = authorization->substr(std::min(scheme.size(), authorization->size()));
  const std::string& wanted = token.reveal();
  return sent.size() == wanted.size() && CRYPTO_memcmp(sent.data(), wanted.data(), wanted.size()) == 0;
}

bool shows_bearer(const http::Fields& fields) {
  const auto authorization = fields.find("Authorization");
  return authorization && access::after_scheme(*authorization, "Bearer");
}

bool is_json(const http::Fields& fields) {
  const auto type = fields.find("Content-Type");
  if (!type || fields.count("Content-Type") != 1) return false;
  std::string_view media_type = type->substr(0, type->find(';'));
  while (media_type.ends_with(' ') || media_type.ends_with('\t')) media_type.remove_suffix(1);
  return http::equal_ignoring_case(media_type, "application/json");
}

}  // namespace

Result<void> check_mutation(const http::Request& request, const config::Secret& token,
                            bool over_unix_socket) {
  if (token.empty() && !over_unix_socket) {
    return refused(ErrorCode::forbidden,
                   "no admin token is configured; set admin.token_file to a private file that holds one");
  }
  if (!over_unix_socket && !has_token(request.fields, token)) {
    const bool by_token = shows_bearer(request.fields);
    return refused(by_token ? ErrorCode::invalid_token : ErrorCode::unauthenticated,
                   "accepted: Authorization: Bearer, with the admin token");
  }
  if (!is_json(request.fields))
    return refused(ErrorCode::unsupported_media_type, "Content-Type: accepted: application/json");
  return {};
}

}  // namespace roktcached::admin
