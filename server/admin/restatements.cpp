#include "server/admin/restatements.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "server/admin/admin.h"
#include "server/admin/body_answer.h"
#include "server/admin/entries.h"
#include "server/admin/or_null.h"
#include "server/http/problem.h"

namespace roktcached::admin {

namespace json = boost::json;

std::string restatements_json(const std::vector<storage::EntrySummary>& entries) {
  json::array list;
  for (const auto& entry : entries) {
    json::object restatement = restated_json(*entry.restated);
    restatement["key"] = caching::to_hex(entry.key.hash());
    restatement["target"] = caching::target_of(entry.key);
    restatement["route"] = entry.route;
    restatement["account"] = entry.account_id;
    restatement["campaign"] = entry.campaign_id;
    restatement["range_end_unix_ms"] = or_null(entry.range_end);
    list.push_back(std::move(restatement));
  }
  return json::serialize(json::object{{"restatements", std::move(list)}});
}

/// The query selects as that of /entries.
boost::asio::awaitable<http::Answer> Admin::restatements(const http::Request& request,
                                                         std::string_view query) const {
  auto listing = parse_listing(query);
  if (!listing) co_return problem(listing.error(), request.id);
  listing->restated_only = true;
  const auto found = co_await list(*listing);
  if (!found) co_return problem(found.error(), request.id, retry_after_failure);
  co_return with_body(200, "application/json", restatements_json(*found) + "\n");
}

}  // namespace roktcached::admin
