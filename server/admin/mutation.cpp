#include "server/admin/mutation.h"

#include <openssl/crypto.h>

#include <optional>
#include <string>
#include <string_view>

#include "core/http/fields.h"
#include "server/access/presented.h"

namespace roktcached::admin {

namespace {

Error refused(ErrorCode code, std::string context) {
  return {.code = code, .context = std::move(context), .source = ErrorSource::admin};
}

/// The bearer token that is shown first (RFC 6750, section 2.1).
std::optional<std::string_view> bearer_of(const http::Fields& fields) {
  const auto authorization = fields.find("Authorization");
  return authorization ? access::after_scheme(*authorization, "Bearer") : std::nullopt;
}

/// In constant time, but for the length.
bool is_same(std::string_view sent, const std::string& wanted) {
  return sent.size() == wanted.size() && CRYPTO_memcmp(sent.data(), wanted.data(), wanted.size()) == 0;
}

}  // namespace

Result<void> check_mutation(const http::Request& request, const config::Secret& token,
                            bool over_unix_socket) {
  if (token.empty() && !over_unix_socket) {
    return refused(ErrorCode::forbidden,
                   "no admin token is configured; set admin.token_file to a private file that holds one");
  }
  const auto shown = bearer_of(request.fields);
  const bool has_token =
      shown && request.fields.count("Authorization") == 1 && is_same(*shown, token.reveal());
  if (!over_unix_socket && !has_token) {
    return refused(shown ? ErrorCode::invalid_token : ErrorCode::unauthenticated,
                   "accepted: Authorization: Bearer, with the admin token");
  }
  if (!http::says_json(request.fields))
    return refused(ErrorCode::unsupported_media_type, "Content-Type: accepted: application/json");
  return {};
}

}  // namespace roktcached::admin
