#include "server/admin/warm_request.h"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "server/admin/content_error.h"

namespace roktcached::admin {

namespace json = boost::json;

namespace {

constexpr std::string_view accepted_of_warm = "a JSON object with \"targets\", and \"rokt_version\"";

Result<std::vector<std::string>> targets_of(const json::value& value) {
  static const std::string accepted =
      "an array of 1 to " + std::to_string(most_warmed) + " paths with their query, as texts";
  if (!value.is_array()) return content_error("targets", quoted(value), accepted);
  const json::array& list = value.get_array();
  if (list.empty() || list.size() > most_warmed)
    return content_error("targets", std::to_string(list.size()) + " of them", accepted);
  std::vector<std::string> targets;
  for (const json::value& target : list) {
    if (!target.is_string() || target.get_string().empty())
      return content_error("targets", quoted(target), accepted);
    targets.emplace_back(target.get_string());
  }
  return targets;
}

}  // namespace

Result<WarmRequest> parse_warm(std::string_view content) {
  boost::system::error_code error;
  const json::value parsed = json::parse(content, error);
  if (error) return content_error("content", error.message(), accepted_of_warm);
  if (!parsed.is_object()) return content_error("content", quoted(parsed), accepted_of_warm);
  WarmRequest request;
  for (const auto& [key, value] : parsed.get_object()) {
    if (key == "targets") {
      auto targets = targets_of(value);
      if (!targets) return targets.error();
      request.targets = std::move(*targets);
    } else if (key == "rokt_version") {
      if (!value.is_string()) return content_error("rokt_version", quoted(value), "a text");
      request.rokt_version = value.get_string();
    } else {
      return content_error(quoted(json::value(key)), "is unknown", accepted_of_warm);
    }
  }
  if (request.targets.empty()) return content_error("targets", "is missing", accepted_of_warm);
  return request;
}

}  // namespace roktcached::admin
