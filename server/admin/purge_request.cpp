#include "server/admin/purge_request.h"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <optional>
#include <string>

#include "server/access/presented.h"
#include "server/admin/content_error.h"

namespace roktcached::admin {

namespace json = boost::json;

namespace {

constexpr std::string_view accepted_members =
    "one of \"all\", \"account\" (with or without \"campaign\"), \"route\", \"target\", \"key\"; and "
    "\"soft\"";

Result<std::string> text_of(std::string_view name, const json::value& value, std::string_view accepted) {
  if (!value.is_string() || value.get_string().empty()) return content_error(name, quoted(value), accepted);
  return std::string(value.get_string());
}

Result<caching::Selection> selection_of(std::string_view name, const json::value& value) {
  if (name == "all") {
    if (value != json::value(true)) return content_error(name, quoted(value), "true");
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
    if (!hash) return content_error(name, quoted(value), accepted);
    return caching::Selection(caching::WithKey{*hash});
  }
  // An address that was copied from a tool may have its key, which is in no cache key.
  if (const auto key = access::take_api_key(*text); !key)
    return content_error(name, key.error().context, accepted);
  auto target = caching::with_target(*text);
  if (!target) return content_error(name, quoted(value), accepted);
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
    return content_error("content", error.message(), "a JSON object with " + std::string(accepted_members));
  if (!parsed.is_object())
    return content_error("content", quoted(parsed), "a JSON object with " + std::string(accepted_members));
  std::optional<caching::Selection> selection;
  std::optional<std::string> campaign;
  caching::Purge purge;
  for (const auto& [key, value] : parsed.get_object()) {
    const std::string_view name(key.data(), key.size());
    if (name == "soft") {
      if (!value.is_bool()) return content_error(name, quoted(value), "true or false");
      purge.kind = value.get_bool() ? caching::PurgeKind::soft : caching::PurgeKind::hard;
    } else if (name == "campaign") {
      auto id = text_of(name, value, "a campaign id, as text");
      if (!id) return id.error();
      campaign = std::move(*id);
    } else if (selects(name)) {
      auto one = selection_of(name, value);
      if (!one) return one.error();
      if (selection)
        return content_error(name, quoted(value) + " besides another selection", accepted_members);
      selection = std::move(*one);
    } else {
      return content_error(quoted(json::value(key)), "is unknown", accepted_members);
    }
  }
  if (!selection) return content_error("content", "selects nothing", accepted_members);
  if (campaign) {
    auto* const account = std::get_if<caching::OfAccount>(&*selection);
    if (account == nullptr)
      return content_error("campaign", "\"" + *campaign + "\"", "together with \"account\"");
    account->campaign_id = std::move(campaign);
  }
  purge.selection = std::move(*selection);
  return purge;
}

}  // namespace roktcached::admin
