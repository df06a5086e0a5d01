#include "server/upstream/token/token.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <charconv>
#include <cstring>
#include <optional>

#include "core/http/fields.h"

namespace roktcached::upstream {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds documented_lifetime = std::chrono::hours{1};
constexpr double longest_lifetime_s = 366.0 * 24 * 3600;
constexpr std::size_t max_token_size = 16 * 1024;

Error malformed(std::string why) {
  return {ErrorCode::upstream_invalid_response, true, "the token endpoint's answer " + std::move(why),
          ErrorSource::upstream};
}

bool is_visible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

/// Leaves no copy behind in what was parsed.
config::Secret taken_out_of(boost::json::string& text) {
  config::Secret secret{std::string(std::string_view(text))};
  explicit_bzero(text.data(), text.size());
  return secret;
}

/// RFC 6749, section 5.1, has a number; some servers write it in quotes.
std::optional<double> number_in(const boost::json::value& value) {
  if (!value.is_string()) {
    boost::system::error_code error;
    const auto number = value.to_number<double>(error);
    return error ? std::nullopt : std::optional(number);
  }
  const std::string_view text(value.get_string());
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(number) : std::nullopt;
}

Result<milliseconds> lifetime_in(const boost::json::object& answer) {
  const auto* expires_in = answer.if_contains("expires_in");
  if (expires_in == nullptr || expires_in->is_null()) return documented_lifetime;
  const std::optional<double> seconds = number_in(*expires_in);
  // A token with a shorter lifetime would be renewed all the time. A malformed answer is asked for again with
  // a backoff.
  if (!seconds || !(*seconds >= 1))
    return malformed("has an expires_in that is no number of seconds from 1 on");
  return milliseconds{static_cast<long long>(std::min(*seconds, longest_lifetime_s) * 1000)};
}

}  // namespace

Result<TokenPtr> parse_token(std::string_view content, SteadyTime minted_at, WallTime minted_at_wall) {
  if (content.empty()) return malformed("is empty");
  boost::system::error_code error;
  auto value = boost::json::parse(boost::json::string_view(content), error);
  if (error || !value.is_object()) return malformed("is no JSON object");
  auto& answer = value.get_object();
  auto* const access_token = answer.if_contains("access_token");
  if (access_token == nullptr || !access_token->is_string()) return malformed("has no access_token");
  config::Secret secret = taken_out_of(access_token->get_string());
  const std::string_view text = secret.reveal();
  if (text.empty() || text.size() > max_token_size || !is_visible(text)) {
    return malformed("has an access_token that is empty, too long or not of visible ASCII");
  }
  if (const auto* type = answer.if_contains("token_type")) {
    if (!type->is_string() || !http::equal_ignoring_case(std::string_view(type->get_string()), "Bearer")) {
      return malformed("has a token_type other than Bearer");
    }
  }
  const Result<milliseconds> lifetime = lifetime_in(answer);
  if (!lifetime) return lifetime.error();

  auto token = std::make_shared<Token>();
  token->value = std::move(secret);
  token->lifetime = *lifetime;
  token->minted_at = minted_at;
  token->expires_at = minted_at + *lifetime;
  token->expires_at_wall = minted_at_wall + *lifetime;
  return TokenPtr(std::move(token));
}

milliseconds renewal_delay(milliseconds lifetime, double jitter) {
  return std::chrono::duration_cast<milliseconds>(lifetime * (0.8 - 0.1 * jitter));
}

milliseconds retry_delay(unsigned failures, double jitter) {
  const auto ceiling =
      std::min(milliseconds{1000} * (1U << std::min(failures - 1, 10U)), milliseconds{30'000});
  return std::max(milliseconds{100}, std::chrono::duration_cast<milliseconds>(ceiling * jitter));
}

milliseconds doubt_after(milliseconds lifetime) {
  return std::min(milliseconds{10'000}, lifetime / 10);
}

}  // namespace roktcached::upstream
