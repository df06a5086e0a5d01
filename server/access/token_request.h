#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "config/secret.h"
#include "server/access/presented.h"
#include "server/http/message.h"

namespace roktcached::access {

/// Whether it is for the token endpoint.
[[nodiscard]] bool is_token_request(const http::Request& request);

/// Why a token request is refused (RFC 6749, section 5.2).
struct TokenRefusal {
  enum class Code { invalid_request, invalid_client, unsupported_grant_type };
  Code code;
  std::string_view description;
};

/// A token request that may be granted, once it is known whose credentials it shows.
class TokenRequest {
 public:
  /// With the credentials of the form.
  explicit TokenRequest(config::Secret pair) : pair_(std::move(pair)) {}
  /// With the credentials of the request's fields.
  /// @param form_decoded  see form_decoded()
  explicit TokenRequest(Presented shown, std::optional<config::Secret> form_decoded = std::nullopt)
      : shown_(shown), form_decoded_(std::move(form_decoded)) {}

  /// The credential to be verified. If it is nothing, only a client certificate can tell who asks. Borrows
  /// this object, or what read_token_request was given.
  [[nodiscard]] Presented shown() const {
    return pair_ ? Presented{Presented::Kind::api_key, pair_->reveal()} : shown_;
  }
  /// A second reading of Basic credentials, to be verified if shown() is nobody's. RFC 6749, section 2.3.1,
  /// has name and secret form-encoded before they are joined, and only some clients do that. Borrows this
  /// object.
  [[nodiscard]] std::optional<Presented> form_decoded() const {
    if (!form_decoded_) return std::nullopt;
    return Presented{Presented::Kind::api_key, form_decoded_->reveal()};
  }

 private:
  std::optional<config::Secret> pair_;  ///< NAME:SECRET
  Presented shown_;
  std::optional<config::Secret> form_decoded_;  ///< NAME:SECRET
};

/// Reads a request to the token endpoint (RFC 6749, sections 2.3.1 and 4.4.2): the client's credentials
/// stand either in its form, as client_id and client_secret, or in its fields.
/// @param form   the content, application/x-www-form-urlencoded
/// @param shown  from present()
[[nodiscard]] std::variant<TokenRequest, TokenRefusal> read_token_request(std::string_view form,
                                                                          const Presented& shown);

/// For credentials that are nobody's.
[[nodiscard]] TokenRefusal invalid_client();

/// The answer that refuses: 401 with a challenge for invalid_client, else 400.
[[nodiscard]] http::Answer token_refused(const TokenRefusal& refusal);
/// The answer that grants (RFC 6749, section 5.1).
/// @param token  from LocalTokens::issue
[[nodiscard]] http::Answer token_granted(std::string_view token);

}  // namespace roktcached::access
