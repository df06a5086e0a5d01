#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <fstream>
#include <iterator>
#include <set>

#include "core/caching/key.h"
#include "core/caching/selection.h"
#include "core/rokt/parameters.h"
#include "core/rokt/routes.h"

/// The rows of tests/data/spellings.json, run through the functions that make a key of a request.
namespace roktcached::proxy {
namespace {

namespace json = boost::json;

const json::object& table() {
  static const json::value parsed = [] {
    std::ifstream file(ROKTCACHED_SPELLINGS);
    return json::parse(std::string(std::istreambuf_iterator<char>(file), {}));
  }();
  return parsed.as_object();
}

std::string text_of(const json::object& row, std::string_view name, std::string_view otherwise = {}) {
  const auto* value = row.if_contains(name);
  return std::string(value == nullptr ? otherwise : std::string_view(value->as_string()));
}

struct Spelled {
  std::string target;
  http::Fields fields;
};

/// A request as the table has it: a target, or an object with target and fields.
Spelled spelled(const json::value& request) {
  if (request.is_string()) return {std::string(request.as_string()), {}};
  const json::object& row = request.as_object();
  Spelled made{text_of(row, "target"), {}};
  if (const auto* fields = row.if_contains("fields")) {
    for (const auto& [name, value] : fields->as_object()) made.fields.add(name, value.as_string());
  }
  return made;
}

Result<caching::Key> key_of(const Spelled& asked, rokt::Validation validation) {
  static const rokt::RouteTable routes(rokt::rokt_routes());
  const auto target = http::parse_target(asked.target);
  if (!target) return target.error();
  std::string decoded;
  const std::string_view path = http::decode_unreserved(target->path, decoded);
  const auto match = routes.match("GET", path);
  if (!match) return match.error();
  const auto parameters = http::parse_query(target->query);
  const auto checked = rokt::check_parameters(*match->route, parameters, {validation, {}});
  if (!checked) return checked.error();
  const auto version = caching::requested_version(asked.fields);
  if (!version) return version.error();
  return caching::key_of("default", path, parameters, *version);
}

TEST(Spellings, AskWhatTheTableSaysAndNoTwoQuestionsShareAKey) {
  std::set<std::string> seen;
  std::size_t count = 0;
  for (const auto& row : table().at("questions").as_array()) {
    const json::object& cache_request = row.as_object();
    const bool lenient = text_of(cache_request, "validation", "strict") == "lenient";
    const std::string wanted =
        "default " + text_of(cache_request, "asks") + " " + text_of(cache_request, "rokt-version", "LATEST");
    EXPECT_TRUE(lenient || seen.insert(wanted).second) << wanted << " comes twice";
    for (const auto& request : cache_request.at("spelled").as_array()) {
      const Spelled sent = spelled(request);
      const auto key = key_of(sent, lenient ? rokt::Validation::lenient : rokt::Validation::strict);
      ASSERT_TRUE(key) << sent.target << ": " << key.error().context;
      EXPECT_EQ(key->text(), wanted) << sent.target << "\n" << sent.fields.to_lines();
      ++count;
    }
  }
  EXPECT_GE(count, 60U);
}

TEST(Spellings, EachIsReachedByAPurgeOfEach) {
  for (const auto& row : table().at("questions").as_array()) {
    const json::object& cache_request = row.as_object();
    const caching::Key key("default " + text_of(cache_request, "asks") + " alpha-1");
    const caching::Subject stored{key, "route", "12", "3"};
    for (const auto& request : cache_request.at("spelled").as_array()) {
      const std::string target = spelled(request).target;
      EXPECT_TRUE(caching::matches(caching::with_target(target).value(), stored)) << target;
    }
  }
}

TEST(Spellings, ThatAreNearAQuestionAreRefusedInTheTablesWords) {
  for (const auto& row : table().at("errors").as_array()) {
    const Spelled sent = spelled(row);
    const auto key = key_of(sent, rokt::Validation::strict);
    ASSERT_FALSE(key) << sent.target << " makes " << key->text();
    EXPECT_NE(key.error().context.find(text_of(row.as_object(), "says")), std::string::npos)
        << sent.target << ": " << key.error().context;
    const bool unknown = key.error().code == ErrorCode::unknown_route;
    EXPECT_EQ(row.as_object().at("status").as_int64(), unknown ? 404 : 400) << sent.target;
  }
}

}  // namespace
}  // namespace roktcached::proxy
