#include "server/access/caller.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "core/ascii.h"
#include "core/http/target.h"
#include "server/access/presented.h"

namespace roktcached::access {

namespace {

constexpr std::string_view local_prefix = "local.";

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= max_caller_name && std::ranges::all_of(text, [](char c) {
    return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-';
  });
}

}  // namespace

std::string basic_id(std::string_view authorization) {
  constexpr std::size_t longest = 1024;
  const std::string_view encoded = after_scheme(authorization, "Basic").value_or(std::string_view());
  if (encoded.empty() || encoded.size() > longest) return {};
  const auto pair = decode_basic(encoded);
  if (!pair) return {};
  const std::string_view text = pair->reveal();
  const auto id = percent_decoded(text.substr(0, text.find(':')));
  return id && is_name(id->reveal()) ? std::string(id->reveal()) : std::string();
}

std::string form_id(std::string_view form) {
  const auto parameters = http::parse_form(form);
  if (!parameters) return {};
  for (const auto& parameter : *parameters) {
    if (parameter.name == "client_id" && is_name(parameter.value)) return std::string(parameter.value);
  }
  return {};
}

std::string caller_of(const http::Fields& request, std::string_view form, std::string_view address,
                      const std::vector<OwnId>& own_ids) {
  const auto authorization = request.find("Authorization");
  const std::string id = authorization ? basic_id(*authorization) : form_id(form);
  if (!id.empty()) {
    const auto own = std::ranges::find_if(own_ids, [&](const OwnId& one) { return one.id.reveal() == id; });
    return own == own_ids.end() ? id : own->name;
  }
  if (authorization) {
    std::string_view token = after_scheme(*authorization, "Bearer").value_or(std::string_view());
    if (token.starts_with(local_prefix)) {
      token.remove_prefix(local_prefix.size());
      const std::string_view name = token.substr(0, token.rfind('.'));
      if (is_name(name)) return std::string(name);
    }
  }
  return std::string(address);
}

std::string local_token_for(std::string_view name) {
  std::random_device random;
  return fmt::format("{}{}.{:08x}{:08x}{:08x}{:08x}", local_prefix, name, random(), random(), random(),
                     random());
}

}  // namespace roktcached::access
