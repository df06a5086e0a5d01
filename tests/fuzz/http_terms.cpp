#include "tests/fuzz/http_terms.h"

#include <algorithm>

namespace roktcached::fuzz {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::optional<std::set<std::string>> languages_of(const HttpRequest& request) {
  if (!request.languages) return std::nullopt;
  std::set<std::string> languages;
  for (const auto& language : *request.languages) languages.insert(lower(language));
  return languages;
}

}  // namespace

milliseconds span_of(std::int64_t delta_seconds) {
  return seconds{std::min<std::int64_t>(delta_seconds, 2'147'483'648)};
}

const ResponseControl& control_of(const AnswerFields& fields) {
  static const ResponseControl none;
  return fields.control ? *fields.control : none;
}

std::optional<milliseconds> max_age_of(const ResponseControl& control) {
  if (!control.max_age) return std::nullopt;
  const milliseconds value = span_of(*control.max_age);
  const bool differs = control.max_age_twice && span_of(*control.max_age + 1) != value;
  return differs ? milliseconds{0} : value;
}

bool is_heuristically_cacheable(unsigned status) {  // RFC 9110, section 15.1
  static const std::set<unsigned> statuses = {200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501};
  return statuses.contains(status);
}

std::set<std::string> names_of(const AnswerFields& fields) {
  if (!fields.vary) return {};
  return {fields.vary->begin(), fields.vary->end()};
}

bool agree_in(const std::set<std::string>& names, const HttpRequest& one, const HttpRequest& other) {
  if (names.contains("accept-language") && languages_of(one) != languages_of(other)) return false;
  if (names.contains("x-a") && one.a != other.a) return false;
  return !names.contains("x-b") || one.b == other.b;
}

bool retrieves(const HttpRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

bool allows_max_stale(const RequestControl& control, milliseconds stale_for) {
  if (!control.max_stale) return false;
  return *control.max_stale == -1 || stale_for <= span_of(*control.max_stale);
}

bool forbids_stale(const ResponseControl& control) {
  return control.no_cache || control.must_revalidate || control.proxy_revalidate || control.s_maxage;
}

bool from_the_future(WallTime made_at, WallTime now) {
  return made_at > now + seconds{5};
}

}  // namespace roktcached::fuzz
