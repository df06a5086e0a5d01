#include "server/access/presented.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/base64.h"
#include "core/http/octets.h"
#include "core/http/target.h"

namespace roktcached::access {

namespace {

constexpr std::string_view api_key_name = "api_key";
/// The longest text that a client may show, in bytes: twice the longest secret.
constexpr std::size_t longest_shown = 2048;

Error ambiguous(std::string context) {
  return {.code = ErrorCode::invalid_request, .context = std::move(context)};
}

Error more_than_one_key() {
  return ambiguous("an API key is shown more than once; accepted: one, in X-API-Key or api_key");
}

/// Takes one octet, percent-encoded or plain, from the front of `text`; -1 where a '%' has not two hex digits
/// behind it.
int take_octet(std::string_view& text) {
  if (text.front() != '%') {
    const auto plain = static_cast<unsigned char>(text.front());
    text.remove_prefix(1);
    return plain;
  }
  using http::Octet;
  if (text.size() < 3 || !http::is(Octet::hex_digit, text[1]) || !http::is(Octet::hex_digit, text[2]))
    return -1;
  const unsigned octet = http::hex_value(text[1]) * 16 + http::hex_value(text[2]);
  text.remove_prefix(3);
  return static_cast<int>(octet);
}

/// Takes a parameter's name off; true if it is that of the API key.
bool take_name(std::string_view& parameter) {
  for (const char c : api_key_name) {
    if (parameter.empty() || take_octet(parameter) != c) return false;
  }
  if (parameter.empty()) return true;
  if (parameter.front() != '=') return false;
  parameter.remove_prefix(1);
  return true;
}

/// Makes `target` shorter, and leaves nothing of its end in memory.
void cut_off(std::string& target, std::size_t size) {
  explicit_bzero(target.data() + size, target.size() - size);
  target.resize(size);
}

Presented of_kind(Presented::Kind kind, std::string_view text) {
  const bool can_be = !text.empty() && text.size() <= longest_shown;
  return {can_be ? kind : Presented::Kind::other, text};
}

}  // namespace

std::optional<std::string_view> after_scheme(std::string_view authorization, std::string_view scheme) {
  if (authorization.size() <= scheme.size() || authorization[scheme.size()] != ' ' ||
      !http::equal_ignoring_case(authorization.substr(0, scheme.size()), scheme)) {
    return std::nullopt;
  }
  return http::trimmed(authorization.substr(scheme.size()));
}

Presented read_authorization(std::string_view value) {
  if (const auto pair = after_scheme(value, "Basic")) return of_kind(Presented::Kind::basic, *pair);
  const auto token = after_scheme(value, "Bearer");
  if (!token) return {Presented::Kind::other, value};
  const bool ours = token->starts_with("local.") && token->size() <= longest_shown;
  return {ours ? Presented::Kind::local_token : Presented::Kind::foreign_token, *token};
}

Result<std::optional<config::Secret>> take_api_key(std::string& target) {
  const auto question = target.find('?');
  if (question == std::string::npos) return std::optional<config::Secret>();
  constexpr std::string_view rare_part = "_key";
  static_assert(api_key_name.ends_with(rare_part));
  const bool may_be_there = target.find(rare_part, question) != std::string::npos ||
                            target.find('%', question) != std::string::npos;
  if (!may_be_there) return std::optional<config::Secret>();
  std::optional<config::Secret> found;
  std::size_t count = 0;
  std::optional<Error> bad_target;  // judged with its key: what is left could be a good one
  bool kept_one = false;
  std::size_t kept_end = question + 1;  // what is kept moves up to here
  for (std::size_t begin = question + 1, end = 0; begin <= target.size(); begin = end + 1) {
    end = std::min(target.find('&', begin), target.size());
    std::string_view parameter = std::string_view(target).substr(begin, end - begin);
    if (take_name(parameter)) {
      const auto whole = count++ == 0 ? http::parse_target(target) : http::Target();
      if (!whole) bad_target = whole.error();
      found = percent_decoded(parameter);
      continue;
    }
    if (kept_one) target[kept_end++] = '&';
    kept_one = true;
    if (kept_end != begin) std::memmove(target.data() + kept_end, target.data() + begin, end - begin);
    kept_end += end - begin;
  }
  if (count == 0) return std::optional<config::Secret>();
  cut_off(target, kept_end > question + 1 ? kept_end : question);
  if (count > 1) return more_than_one_key();
  if (bad_target) return *bad_target;
  return found;
}

Result<Presented> present(const http::Fields& request, const std::optional<config::Secret>& api_key) {
  std::optional<std::string_view> key;
  std::optional<std::string_view> authorization;
  std::size_t keys = 0;
  std::size_t authorizations = 0;
  if (api_key) {
    ++keys;
    key = api_key->reveal();
  }
  for (const auto& field : request.all()) {
    if (http::equal_ignoring_case(field.name, "X-API-Key")) {
      ++keys;
      key = field.value;
    } else if (http::equal_ignoring_case(field.name, "Authorization")) {
      ++authorizations;
      authorization = field.value;
    }
  }
  if (keys > 1) return more_than_one_key();
  if (key) return of_kind(Presented::Kind::api_key, *key);
  if (authorizations > 1) return ambiguous("Authorization: a request has at most one");
  if (authorization) return read_authorization(*authorization);
  return Presented{};
}

namespace {

bool shows_api_key(std::string_view value) {
  if (value.find('?') == std::string_view::npos) return false;
  std::string address(value);
  const auto key = take_api_key(address);
  return !key || *key;
}

}  // namespace

void remove_telling_fields(http::Fields& request) {
  std::vector<std::string> telling;
  for (const auto& field : request.all()) {
    if (shows_api_key(field.value)) telling.emplace_back(field.name);
  }
  for (const auto& name : telling) request.remove(name);
}

std::optional<Pair> split_pair(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  return Pair{text.substr(0, colon), text.substr(colon + 1)};
}

std::optional<config::Secret> decode_basic(std::string_view text) {
  auto pair = from_base64(text);
  if (!pair) return std::nullopt;
  return config::Secret(std::move(*pair));
}

std::optional<config::Secret> percent_decoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  while (!text.empty()) {
    const int octet = take_octet(text);
    if (octet < 0) {
      explicit_bzero(decoded.data(), decoded.size());
      return std::nullopt;
    }
    decoded += static_cast<char>(octet);
  }
  return config::Secret(std::move(decoded));
}

}  // namespace roktcached::access
