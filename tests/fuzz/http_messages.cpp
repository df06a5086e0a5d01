#include "tests/fuzz/http_messages.h"

#include "core/http/date.h"

namespace roktcached::fuzz {

using std::chrono::seconds;

namespace {

/// A list of directives as it grows.
class Directives {
 public:
  void flag(bool set, std::string_view name) {
    if (set) add(name);
  }
  void number(const std::optional<std::int64_t>& value, std::string_view name) {
    if (value) add(std::string(name) + "=" + std::to_string(*value));
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void add(std::string_view directive) { text_.append(text_.empty() ? "" : ", ").append(directive); }
  std::string text_;
};

std::string cache_control_of(const ResponseControl& control) {
  Directives list;
  list.flag(control.no_store, "no-store");
  list.flag(control.no_cache, "no-cache");
  list.flag(control.private_all, "Private");
  list.flag(control.public_, "public");
  list.flag(control.must_revalidate, "must-revalidate");
  list.flag(control.proxy_revalidate, "proxy-revalidate");
  list.flag(control.must_understand, "must-understand");
  list.flag(control.no_cache_secret, "no-cache=\"x-secret\"");
  list.flag(control.private_secret, "private=\"X-Secret\"");
  list.number(control.max_age, "max-age");
  if (control.max_age && control.max_age_twice) list.number(*control.max_age + 1, "max-age");
  list.number(control.s_maxage, "s-maxage");
  list.number(control.stale_while_revalidate, "stale-while-revalidate");
  list.number(control.stale_if_error, "stale-if-error");
  return list.text();
}

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::string to_string(const Reference& reference) {
  const std::string& target = http_targets()[reference.target].as_sent;
  if (reference.form == Reference::Form::ours) return "http://proxy.test" + target;
  if (reference.form == Reference::Form::foreign) return "http://elsewhere.test" + target;
  return target;
}

std::optional<std::int64_t> random_seconds(Random& random, double share) {
  if (!random.percent(share)) return std::nullopt;
  return random.one_of<std::int64_t>({0, 1, 5, 10, 60, 300, 3600, 7200, 86'400, 604'800, 99'999'999'999});
}

ResponseControl random_response_control(Random& random) {
  ResponseControl control;
  control.no_store = random.percent(4);
  control.no_cache = random.percent(6);
  control.private_all = random.percent(4);
  control.public_ = random.percent(15);
  control.must_revalidate = random.percent(8);
  control.proxy_revalidate = random.percent(4);
  control.must_understand = random.percent(4);
  control.no_cache_secret = random.percent(5);
  control.private_secret = random.percent(5);
  control.max_age = random_seconds(random, 60);
  control.max_age_twice = random.percent(2);
  control.s_maxage = random_seconds(random, 12);
  control.stale_while_revalidate = random_seconds(random, 20);
  control.stale_if_error = random_seconds(random, 20);
  return control;
}

std::vector<std::string> random_vary(Random& random) {
  if (random.percent(3)) return {"*"};
  std::vector<std::string> names;
  for (const char* name : {"x-b", "accept-language", "x-a"}) {
    if (random.percent(50)) names.emplace_back(name);
  }
  return names;
}

AnswerFields random_fields(Random& random, std::int64_t serial, WallTime received_at) {
  const WallTime received = std::chrono::floor<seconds>(received_at);
  AnswerFields fields;
  if (random.percent(80)) fields.control = random_response_control(random);
  if (random.percent(90)) {
    // By the hour: so that several are equally recent.
    const WallTime by =
        random.percent(20) ? WallTime(std::chrono::floor<std::chrono::hours>(received)) : received;
    const std::int64_t skew = random.percent(70)   ? random.between(-2, 0)
                              : random.percent(70) ? random.between(-4000, 0)
                                                   : random.between(0, 4000);
    fields.date = by + seconds{by == received ? skew : 0};
  }
  const WallTime date = fields.date.value_or(received);
  if (random.percent(20)) {
    fields.expires = random.percent(85)   ? Expires::valid
                     : random.percent(60) ? Expires::invalid
                                          : Expires::twice;
    fields.expires_at =
        date + seconds{random.percent(80) ? random.between(0, 200'000) : random.between(-9000, 0)};
  }
  if (random.percent(40))
    fields.last_modified =
        date - seconds{random.percent(95) ? random.between(0, 3'000'000) : random.between(-999, 0)};
  if (random.percent(50)) fields.entity_tag = EntityTag{serial, random.percent(20)};
  fields.dates_in_lower_case = random.percent(10);
  fields.marker = serial;
  if (random.percent(30)) fields.secret = serial;
  return fields;
}

/// Makes an answer speak of what is known, by the validators that it has: mostly.
void agree(Random& random, const Known& known, AnswerFields& fields) {
  if (!random.percent(4)) fields.entity_tag = random.percent(70) ? known.fields.entity_tag : std::nullopt;
  if (!random.percent(4))
    fields.last_modified = random.percent(50) ? known.fields.last_modified : std::nullopt;
  if (random.percent(40)) fields.control.reset();
  if (random.percent(60)) fields.expires = Expires::absent;
  if (random.percent(70)) fields.vary.reset();
}

/// Targets 0 and 1 never vary; the others mostly do, and mostly by the same.
void choose_vary(Random& random, std::size_t target, AnswerFields& fields) {
  if (target < 2 || random.percent(4)) return;
  const std::vector<std::string> usual =
      target == 2 ? std::vector<std::string>{"accept-language"} : std::vector<std::string>{"x-b", "x-a"};
  fields.vary = random.percent(70) ? usual : random_vary(random);
}

std::optional<Reference> random_reference(Random& random, double share, std::size_t target) {
  if (!random.percent(share)) return std::nullopt;
  const auto form = random.one_of({Reference::Form::path, Reference::Form::ours, Reference::Form::foreign});
  return Reference{random.percent(50) ? target : random.index(http_targets().size()), form};
}

unsigned random_status(Random& random) {
  if (random.percent(68)) return 200;
  return random.one_of<unsigned>(
      {201, 203, 204, 206, 301, 302, 403, 404, 404, 410, 500, 500, 501, 502, 503, 503, 504, 599});
}

}  // namespace

const std::vector<HttpTarget>& http_targets() {
  static const std::vector<HttpTarget> targets = {{"/h/plain", "/h/plain"},
                                                  {"/h/q?a=1&b=2", "/h/q?a=1&b=2"},
                                                  {"/h/q?b=2&a=1", "/h/q?a=1&b=2"},
                                                  {"/h/vary", "/h/vary"},
                                                  {"/h/other", "/h/other"}};
  return targets;
}

std::string cache_control_of(const RequestControl& control) {
  Directives list;
  list.flag(control.no_cache, "no-cache");
  list.flag(control.no_store, "no-store");
  list.flag(control.only_if_cached, "only-if-cached");
  list.number(control.max_age, "max-age");
  list.number(control.min_fresh, "min-fresh");
  if (control.max_stale == -1) {
    list.flag(true, "max-stale");
  } else {
    list.number(control.max_stale, "max-stale");
  }
  return list.text();
}

http::Fields to_fields(const HttpRequest& request) {
  http::Fields fields;
  fields.add("Host", "proxy.test");
  if (request.authorization) fields.add("Authorization", "Bearer client");
  if (!request.control.empty()) fields.add("Cache-Control", cache_control_of(request.control));
  if (request.pragma) fields.add("Pragma", "no-cache");
  if (request.languages) {
    std::string list;
    for (const auto& language : *request.languages) list.append(list.empty() ? "" : ", ").append(language);
    fields.add("Accept-Language", list);
  }
  if (request.a) fields.add("X-A", *request.a);
  if (request.b) fields.add("X-B", *request.b);
  return fields;
}

http::Fields to_fields(const HttpAnswer& answer) {
  const AnswerFields& from = answer.fields;
  http::Fields fields;
  const auto dated = [&from](WallTime time) {
    const std::string text = http::format_date(time);
    return from.dates_in_lower_case ? lower(text) : text;
  };
  if (from.date) fields.add("Date", dated(*from.date));
  if (from.control) fields.add("Cache-Control", cache_control_of(*from.control));
  if (from.expires == Expires::invalid) fields.add("Expires", "0");
  if (from.expires == Expires::valid || from.expires == Expires::twice)
    fields.add("Expires", dated(from.expires_at));
  if (from.expires == Expires::twice) fields.add("Expires", dated(from.expires_at));
  if (from.last_modified) fields.add("Last-Modified", http::format_date(*from.last_modified));
  if (from.entity_tag) {
    const std::string opaque = "\"v" + std::to_string(from.entity_tag->version) + "\"";
    fields.add("ETag", from.entity_tag->weak ? "W/" + opaque : opaque);
  }
  if (from.vary) {
    for (const auto& name : *from.vary) fields.add("Vary", name);
  }
  fields.add("X-Marker", std::to_string(from.marker));
  if (from.secret) fields.add("X-Secret", std::to_string(*from.secret));
  if (answer.age == Age::number || answer.age == Age::twice) fields.add("Age", std::to_string(answer.age_s));
  if (answer.age == Age::twice) fields.add("Age", std::to_string(answer.age_s / 2 + 1));
  if (answer.age == Age::no_number) fields.add("Age", "new, " + std::to_string(answer.age_s));
  if (answer.age == Age::joined)
    fields.add("Age", std::to_string(answer.age_s) + ", " + std::to_string(answer.age_s / 2 + 1));
  if (answer.length) fields.add("Content-Length", std::to_string(*answer.length));
  if (answer.location) fields.add("Location", to_string(*answer.location));
  if (answer.content_location) fields.add("Content-Location", to_string(*answer.content_location));
  return fields;
}

namespace {

std::string on_one_line(const http::Fields& fields) {
  std::string line;
  for (const auto& field : fields.all())
    line.append(line.empty() ? "" : " | ").append(field.name).append(": ").append(field.value);
  return line;
}

}  // namespace

std::string to_string(const HttpRequest& request) {
  return request.method + " " + http_targets()[request.target].as_sent + " [" +
         on_one_line(to_fields(request)) + "]";
}

std::string to_string(const HttpAnswer& answer) {
  return std::to_string(answer.status) + " body " + answer.body + " [" + on_one_line(to_fields(answer)) + "]";
}

RequestControl random_control(Random& random) {
  RequestControl control;
  if (random.percent(45)) return control;
  const auto span = [&] { return random.one_of<std::int64_t>({0, 1, 5, 10, 60, 600, 3600, 86'400}); };
  control.no_cache = random.percent(15);
  control.no_store = random.percent(8);
  control.only_if_cached = random.percent(15);
  if (random.percent(20)) control.max_age = span();
  if (random.percent(15)) control.min_fresh = span();
  if (random.percent(25)) control.max_stale = random.percent(25) ? -1 : span();
  return control;
}

HttpRequest random_request(Random& random) {
  HttpRequest request;
  request.method =
      random.percent(86) ? "GET" : random.one_of({"HEAD", "HEAD", "HEAD", "POST", "POST", "PUT", "DELETE"});
  request.target = random.index(http_targets().size());
  request.authorization = random.percent(12);
  request.control = random_control(random);
  request.pragma = random.percent(4);
  if (random.percent(70)) {
    request.languages =
        random.one_of<std::vector<std::string>>({{"en"}, {"de"}, {"en", "de;q=0.5"}, {"de;q=0.5", "EN"}});
  }
  if (random.percent(60)) request.a = random.one_of<std::string>({"", "1"});
  if (random.percent(35)) request.b = random.one_of<std::string>({"1", "a=b&c"});
  return request;
}

HttpAnswer random_answer(Random& random, const HttpRequest& request, const Known* known, std::int64_t serial,
                         WallTime received_at) {
  HttpAnswer answer;
  answer.fields = random_fields(random, serial, received_at);
  if (random.percent(25)) {
    answer.age = random.percent(75) ? Age::number : random.one_of({Age::no_number, Age::twice, Age::joined});
    answer.age_s = random.percent(80) ? random.between(0, 300) : random.between(0, 100'000);
  }
  choose_vary(random, request.target, answer.fields);
  answer.content_location = random_reference(random, request.method == "POST" ? 70 : 10, request.target);
  answer.location = random_reference(random, 10, request.target);
  const bool conditional = known != nullptr && (known->fields.entity_tag || known->fields.last_modified);
  if (random.percent(conditional ? 45 : 2)) {
    answer.status = 304;
    if (known != nullptr) agree(random, *known, answer.fields);
    return answer;
  }
  answer.status = random_status(random);
  if (request.method == "HEAD") {
    const bool agrees = known != nullptr && random.percent(60);
    if (agrees) agree(random, *known, answer.fields);
    if (random.percent(60))
      answer.length =
          agrees && random.percent(90) ? known->length : static_cast<std::size_t>(random.between(1, 40));
    return answer;
  }
  answer.body = "body-" + std::to_string(serial) + std::string(random.index(4), '.');
  return answer;
}

}  // namespace roktcached::fuzz
