#include "server/simulator/tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "core/base64.h"
#include "core/http/fields.h"
#include "core/http/target.h"

namespace roktcached::simulator {

namespace {

/// The credentials behind `scheme` in an Authorization field; empty for another scheme.
std::string_view credentials(std::string_view authorization, std::string_view scheme) {
  const auto space = authorization.find(' ');
  const bool same =
      space != std::string_view::npos && http::equal_ignoring_case(authorization.substr(0, space), scheme);
  return same ? http::trimmed(authorization.substr(space + 1)) : std::string_view();
}

}  // namespace

Reply Tokens::mint(std::string_view authorization, std::string_view form, Time now) {
  if (from_base64(credentials(authorization, "Basic")) != expected_)
    return {400, R"({"error":"invalid_client"})"};
  const auto fields = http::parse_query(form);
  const auto grant = std::ranges::find(fields, "grant_type", &http::QueryParameter::name);
  if (grant == fields.end() || grant->value != "client_credentials")
    return {400, R"({"error":"unsupported_grant_type"})"};
  std::erase_if(expiry_, [now](const auto& token) { return token.second <= now; });
  std::random_device random;
  std::string token = fmt::format("sim-{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
  Reply reply{200, fmt::format(R"({{"access_token":"{}","expires_in":{},"token_type":"Bearer"}})", token,
                               lifetime_.count())};
  expiry_.emplace(std::move(token), now + lifetime_);
  return reply;
}

bool Tokens::accepts(std::string_view authorization, Time now) const {
  const auto found = expiry_.find(std::string(credentials(authorization, "Bearer")));
  return found != expiry_.end() && now < found->second;
}

}  // namespace roktcached::simulator
