#pragma once

#include <string>
#include <string_view>

#include "config/settings.h"

namespace roktcached::upstream {

/// Why an authorization server gives no token (RFC 6749, section 5.2). Both texts are short, printable ASCII,
/// and tell nothing of the credential: fit for a log, a status page and an answer to a client.
struct OAuthError {
  std::string code;         ///< `error`, such as "invalid_client"; empty if the answer has none
  std::string description;  ///< `error_description`; empty if the answer has none

  /// Whether it is the client's registration or its secret that is wrong: asking again soon is of no use.
  [[nodiscard]] bool is_about_client() const {
    return code == "invalid_client" || code == "unauthorized_client";
  }
};

/// Reads the content of an answer that refuses a token. Content that is no JSON object, or has none of the
/// members, says nothing.
///
/// A description that repeats the app id or the app secret is withheld: as they are, percent-encoded, in
/// hexadecimal or in base64, in any case, and in part where eight characters of them follow one another.
[[nodiscard]] OAuthError read_oauth_error(std::string_view content, const config::Credential& credential);

/// "invalid_client (Unknown application)", or what of it there is; empty if there is nothing.
[[nodiscard]] std::string to_string(const OAuthError& error);

}  // namespace roktcached::upstream
