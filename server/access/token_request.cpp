#include "server/access/token_request.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <utility>
#include <vector>

#include "core/http/target.h"
#include "server/access/local_tokens.h"

namespace roktcached::access {

namespace {

using Code = TokenRefusal::Code;

std::string_view to_string(Code code) {
  switch (code) {
    case Code::invalid_request:
      return "invalid_request";
    case Code::invalid_client:
      return "invalid_client";
    case Code::unsupported_grant_type:
      break;
  }
  return "unsupported_grant_type";
}

/// The form's parameters. One of them is a secret: it stays in the text, and Query wipes its decoded texts.
class Form {
 public:
  explicit Form(http::Query parameters) : parameters_(std::move(parameters)) {}

  /// A parameter without a value counts as left out (RFC 6749, section 3.2).
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const {
    for (const auto& one : parameters_) {
      if (one.name == name && !one.value.empty()) return one.value;
    }
    return std::nullopt;
  }
  [[nodiscard]] bool repeats_one() const {
    std::vector<std::string_view> names;
    names.reserve(parameters_.size());
    for (const auto& one : parameters_) names.push_back(one.name);
    std::ranges::sort(names);
    return std::ranges::adjacent_find(names) != names.end();
  }

 private:
  http::Query parameters_;
};

/// A name has no ':', or the pair would be split elsewhere; empty for one that has.
std::optional<config::Secret> joined(std::string_view name, std::string_view secret) {
  if (name.find(':') != std::string_view::npos) return std::nullopt;
  std::string pair;
  pair.reserve(name.size() + 1 + secret.size());
  pair.append(name).append(":").append(secret);
  return config::Secret(std::move(pair));
}

TokenRequest read_basic(const Presented& shown) {
  const auto text = decode_basic(shown.text);
  const auto pair = text ? split_pair(text->reveal()) : std::nullopt;
  if (!pair || text->reveal().find('%') == std::string_view::npos) return TokenRequest(shown);
  const auto name = percent_decoded(pair->name);
  const auto secret = percent_decoded(pair->secret);
  if (!name || !secret) return TokenRequest(shown);
  auto decoded = joined(name->reveal(), secret->reveal());
  // No client's name has a '%': it is encoded. A secret may have one.
  const bool encoded = decoded && pair->name.find('%') != std::string_view::npos;
  return encoded ? TokenRequest(std::move(*decoded)) : TokenRequest(shown, std::move(decoded));
}

std::variant<TokenRequest, TokenRefusal> read_credentials(const Form& form, const Presented& shown) {
  const auto id = form.find("client_id");
  const auto secret = form.find("client_secret");
  if (secret && !shown.shows_nothing()) {
    return TokenRefusal{Code::invalid_request,
                        "credentials are shown twice; accepted: in the form, or in Authorization"};
  }
  if (secret && !id) return TokenRefusal{Code::invalid_request, "client_secret without client_id"};
  if (secret) {
    auto pair = joined(*id, *secret);
    if (!pair) return invalid_client();
    return TokenRequest(std::move(*pair));
  }
  // A token begets no token: it would never end.
  using Kind = Presented::Kind;
  if (shown.kind == Kind::local_token || shown.kind == Kind::foreign_token || shown.kind == Kind::other)
    return invalid_client();
  if (shown.kind == Presented::Kind::basic) return read_basic(shown);
  return TokenRequest(shown);
}

http::Answer json_answer(unsigned status, const boost::json::object& content) {
  http::Answer answer;
  answer.status = status;
  answer.field("Content-Type", "application/json")
      .field("Cache-Control", "no-store")
      .field("Pragma", "no-cache");
  answer.body = caching::share_body(boost::json::serialize(content));
  return answer;
}

}  // namespace

bool is_token_request(const http::Request& request) {
  constexpr std::string_view token_path = "/auth/oauth2/token";
  if (request.method != "POST") return false;
  const auto target = http::parse_target(request.target);
  std::string decoded;
  return target && http::decode_unreserved(target->path, decoded) == token_path;
}

std::variant<TokenRequest, TokenRefusal> read_token_request(std::string_view form, const Presented& shown) {
  auto read = http::parse_form(form);
  if (!read)
    return TokenRefusal{Code::invalid_request,
                        "the content must be application/x-www-form-urlencoded, with at most 100 parameters"};
  const Form parameters(std::move(*read));
  if (parameters.repeats_one())
    return TokenRefusal{Code::invalid_request, "a parameter stands in the form more than once"};
  const auto grant = parameters.find("grant_type");
  if (!grant)
    return TokenRefusal{Code::invalid_request, "grant_type is missing; accepted: client_credentials"};
  if (*grant != "client_credentials")
    return TokenRefusal{Code::unsupported_grant_type, "accepted: client_credentials"};
  return read_credentials(parameters, shown);
}

TokenRefusal invalid_client() {
  return {Code::invalid_client, "no client of that name and secret"};
}

http::Answer token_refused(const TokenRefusal& refusal) {
  const bool challenges = refusal.code == Code::invalid_client;
  http::Answer answer = json_answer(challenges ? 401 : 400, {{"error", to_string(refusal.code)},
                                                             {"error_description", refusal.description}});
  if (challenges) answer.field("WWW-Authenticate", R"(Basic realm="roktcached")");
  answer.notes.outcome = http::CacheOutcome::refused;
  return answer;
}

http::Answer token_granted(std::string_view token) {
  return json_answer(
      200,
      {{"access_token", token}, {"expires_in", LocalTokens::lifetime.count()}, {"token_type", "Bearer"}});
}

}  // namespace roktcached::access
