#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/http/fields.h"
#include "core/time.h"
#include "tests/fuzz/play.h"

namespace roktcached::fuzz {

// Requests and answers as what they mean. They are made so, and written as fields for the code alone: the
// model never parses one.

struct RequestControl {
  bool no_cache = false;
  bool no_store = false;
  bool only_if_cached = false;
  std::optional<std::int64_t> max_age;  ///< in seconds, as are all below
  std::optional<std::int64_t> min_fresh;
  std::optional<std::int64_t> max_stale;  ///< -1: without a value
  [[nodiscard]] bool empty() const {
    return !no_cache && !no_store && !only_if_cached && !max_age && !min_fresh && !max_stale;
  }
};

struct HttpRequest {
  std::string method = "GET";
  std::size_t target = 0;  ///< in http_targets()
  bool authorization = false;
  RequestControl control;
  bool pragma = false;                                ///< Pragma: no-cache
  std::optional<std::vector<std::string>> languages;  ///< Accept-Language; their order means nothing
  std::optional<std::string> a;                       ///< X-A; empty is not absent
  std::optional<std::string> b;                       ///< X-B
};

struct ResponseControl {
  bool no_store = false;
  bool no_cache = false;
  bool private_all = false;
  bool public_ = false;
  bool must_revalidate = false;
  bool proxy_revalidate = false;
  bool must_understand = false;
  bool no_cache_secret = false;  ///< no-cache="x-secret"
  bool private_secret = false;   ///< private="x-secret"
  bool max_age_twice = false;    ///< with another value
  std::optional<std::int64_t> max_age;
  std::optional<std::int64_t> s_maxage;
  std::optional<std::int64_t> stale_while_revalidate;
  std::optional<std::int64_t> stale_if_error;
};

struct EntityTag {
  std::int64_t version = 0;
  bool weak = false;
  friend bool operator==(const EntityTag&, const EntityTag&) = default;
};

enum class Expires { absent, valid, invalid, twice };
/// Age: age_s, and behind it where it is `twice` (on a line of its own) or `joined` another number.
enum class Age { absent, number, no_number, twice, joined };

/// The fields of an answer that a store keeps.
struct AnswerFields {
  std::optional<ResponseControl> control;
  std::optional<WallTime> date;      ///< whole seconds, as are all times here
  bool dates_in_lower_case = false;  ///< Date and Expires
  Expires expires = Expires::absent;
  WallTime expires_at;
  std::optional<WallTime> last_modified;
  std::optional<EntityTag> entity_tag;
  std::optional<std::vector<std::string>> vary;  ///< lower case; "*" among them
  std::int64_t marker = 0;                       ///< X-Marker: another in each answer, also in a 304
  std::optional<std::int64_t> secret;            ///< X-Secret
};

/// A Location or Content-Location.
struct Reference {
  std::size_t target = 0;
  enum class Form { path, ours, foreign } form = Form::path;
};

struct HttpAnswer {
  unsigned status = 200;
  AnswerFields fields;
  Age age = Age::absent;
  std::int64_t age_s = 0;
  std::string body;
  std::optional<std::size_t> length;  ///< Content-Length in the answer to a HEAD
  std::optional<Reference> location;
  std::optional<Reference> content_location;
};

/// A stored answer as a random origin is told of it, so that it can confirm it.
struct Known {
  AnswerFields fields;
  std::size_t length = 0;
};

/// The targets of the http route. Two are spellings of one query; as_sent is how an http route knows them.
struct HttpTarget {
  std::string as_sent;
  std::string canonical;
};
[[nodiscard]] const std::vector<HttpTarget>& http_targets();

[[nodiscard]] http::Fields to_fields(const HttpRequest& request);
[[nodiscard]] http::Fields to_fields(const HttpAnswer& answer);
[[nodiscard]] std::string to_string(const HttpRequest& request);
[[nodiscard]] std::string to_string(const HttpAnswer& answer);

[[nodiscard]] RequestControl random_control(Random& random);
[[nodiscard]] HttpRequest random_request(Random& random);
/// @param known   what the request was conditional on, or might confirm by HEAD; may be null
/// @param serial  of this answer: its body and marker
[[nodiscard]] HttpAnswer random_answer(Random& random, const HttpRequest& request, const Known* known,
                                       std::int64_t serial, WallTime received_at);

[[nodiscard]] std::string cache_control_of(const RequestControl& control);

}  // namespace roktcached::fuzz
