#include "server/admin/purge_request.h"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <optional>
#include <string>

#include "server/access/presented.h"

namespace roktcached::admin {

namespace json = boost::json;

namespace {

constexpr std::size_t longest_quote = 80;
constexpr std::string_view accepted_members =
    "one of \"all\", \"account\" (with or without \"campaign\"), \"route\", \"target\", \"key\"; and "
    "\"soft\"";

Error refused(std::string_view name, std::string_view what, std::string_view accepted) {
  std::string context(name);
  context.append(": ").append(what).append("; accepted: ").append(accepted);
  return {.code = ErrorCode::invalid_request,
          .source = ErrorSource::inbound,
          .retryable = false,
          .context = std::move(context)};
}

std::string quoted(const json::value& value) {
  std::string text = json::serialize(value);
  if (text.size() > longest_quote) {
    text.resize(longest_quote);
    text += "...";
  }
  return text;
}

Result<std::string> text_of(std::string_view name, const json::value& value, std::string_view accepted) {
  if (!value.is_string() || value.get_string().empty()) return refused(name, quoted(value), accepted);
  return std::string(value.get_string());
}

Result<caching::Selection> selection_of(std::string_view name, const json::value& value) {
  if (name == "all") {
    if (value != json::value(true)) return refused(name, quoted(value), "true");
    return caching::Selection(caching::Everything{});
  }
  if (name == "account") {
    auto id = text_of(name, value, "an account id, as text");
    if (!id) return id.error();
    return caching::Selection(caching::OfAccount{std::move(*id), std::nullopt});
  }
  if (name == "route") {
    auto route = text_of(name, value, "a route's name, as text");
    if (!route) return route.error();
    return caching::Selection(caching::OfRoute{std::move(*route)});
  }
  const std::string_view accepted =
      name == "key" ? "32 hex digits, as text" : "a path with its query, as text, beginning with \"/\"";
  auto text = text_of(name, value, accepted);
  if (!text) return text.error();
  if (name == "key") {
    const auto hash = caching::key_hash_of_hex(*text);
    if (!hash) return refused(name, quoted(value), accepted);
    return caching::Selection(caching::WithKey{*hash});
  }
  // An address that was copied from a tool may have its key, which is in no cache key.
  if (const auto key = access::take_api_key(*text); !key) return refused(name, key.error().context, accepted);
  auto target = caching::with_target(*text);
  if (!target) return refused(name, target.error().context, accepted);
  return caching::Selection(std::move(*target));
}

bool selects(std::string_view name) {
  return name == "all" || name == "account" || name == "route" || name == "target" || name == "key";
}

}  // namespace

Result<caching::Purge> parse_purge(std::string_view content) {
  boost::system::error_code error;
  const json::value parsed = json::parse(content, error);
  if (error)
    return refused("content", error.message(), "a JSON object with " + std::string(accepted_members));
  if (!parsed.is_object())
    return refused("content", quoted(parsed), "a JSON object with " + std::string(accepted_members));
  std::optional<caching::Selection> selection;
  std::optional<std::string> campaign;
  caching::Purge purge;
  for (const auto& [key, value] : parsed.get_object()) {
    const std::string_view name(key.data(), key.size());
    if (name == "soft") {
      if (!value.is_bool()) return refused(name, quoted(value), "true or false");
      purge.kind = value.get_bool() ? caching::PurgeKind::soft : caching::PurgeKind::hard;
    } else if (name == "campaign") {
      auto id = text_of(name, value, "a campaign id, as text");
      if (!id) return id.error();
      campaign = std::move(*id);
    } else if (selects(name)) {
      auto one = selection_of(name, value);
      if (!one) return one.error();
      if (selection) return refused(name, quoted(value) + " besides another selection", accepted_members);
      selection = std::move(*one);
    } else {
      return refused(quoted(json::value(key)), "is unknown", accepted_members);
    }
  }
  if (!selection) return refused("content", "selects nothing", accepted_members);
  if (campaign) {
    auto* const account = std::get_if<caching::OfAccount>(&*selection);
    if (account == nullptr) return refused("campaign", "\"" + *campaign + "\"", "together with \"account\"");
    account->campaign_id = std::move(campaign);
  }
  purge.selection = std::move(*selection);
  return purge;
}

}  // namespace roktcached::admin
