#include "tests/fuzz/http_world.h"

#include <algorithm>

#include "core/caching/variants.h"

namespace roktcached::fuzz {

using caching::Action;
using caching::Decision;
using http::Forward;

namespace {

constexpr const char* everything = "every target";

std::string verdict(const Decision& decision, const std::string& seen, std::int64_t ttl_s) {
  return to_string(decision) + " with " + seen + " ttl " + std::to_string(ttl_s);
}

std::string at(WallTime now) {
  return std::to_string(unix_ms(now)) + ": ";
}

const std::string& name_of(const HttpRequest& request) {
  return http_targets()[request.target].as_sent;
}

}  // namespace

const std::vector<std::string_view>& HttpWorld::expected() {
  static const std::vector<std::string_view> names = {"http hits",
                                                      "http hits by heuristic",
                                                      "http hits on the latest of several that match",
                                                      "http hits with refresh",
                                                      "http hits stale by max-stale or only-if-cached",
                                                      "http fetches, miss",
                                                      "http fetches, request",
                                                      "http fetches, stale",
                                                      "http refusals",
                                                      "http doubts after the clock was set back",
                                                      "http answers kept",
                                                      "http answers not kept",
                                                      "http answers to POST kept",
                                                      "http 304 that freshen",
                                                      "http 304 that may not be kept",
                                                      "http 304 unasked",
                                                      "http HEAD that freshen",
                                                      "http HEAD of another",
                                                      "http stand-ins, no answer",
                                                      "http stand-ins, error status",
                                                      "http failures",
                                                      "http errors passed",
                                                      "http invalidations",
                                                      "http purges, hard",
                                                      "http purges, soft"};
  return names;
}

std::optional<Difference> HttpWorld::step() {
  if (random_.percent(1.5)) {
    purge();
    return std::nullopt;
  }
  HttpRequest request = random_request(random_);
  if (random_.percent(50)) request.target = last_target_;
  last_target_ = request.target;
  if (random_.percent(25)) {
    const auto selectable = model_.selectable(request);
    if (!selectable.empty()) clock_.approach(random_, model_.turns(selectable.front()));
  }
  return ask(request);
}

std::optional<Difference> HttpWorld::ask(const HttpRequest& request) {
  const WallTime now = clock_.now();
  const std::string& name = name_of(request);
  const HttpCode::Selected in_code = code_.select(request);
  const std::vector<HttpModel::Index> selectable = model_.selectable(request);
  std::optional<HttpModel::Index> in_model;
  // Of several that are equally recent the code may choose; the model follows.
  for (const auto index : selectable) {
    const bool same = in_code.response && HttpCode::seen(*in_code.response, now) == model_.seen(index, now);
    if (same || !in_model) in_model = index;
  }
  const std::string code_seen =
      in_code.response ? to_string(HttpCode::seen(*in_code.response, now)) : "nothing";
  const std::string model_seen = in_model ? to_string(model_.seen(*in_model, now)) : "nothing";
  const Decision code_decision = code_.decide(in_code, request, now);
  const Decision decision = model_.decide(in_model, request, now);
  const std::string code_verdict = verdict(
      code_decision, code_seen, in_code.response ? caching::ttl_of(*in_code.response, now).count() : 0);
  const std::string model_verdict =
      verdict(decision, model_seen, in_model ? model_.ttl_s(*in_model, now) : 0);
  const bool retrieves = request.method == "GET" || request.method == "HEAD";
  trace_.add(name, at(now) + to_string(request) + (retrieves ? " -> " + model_verdict : ""));
  if (code_verdict != model_verdict) return Difference{name, code_verdict, model_verdict};
  if (retrieves) count(decision, request, selectable);
  if (retrieves && (decision.action == Action::use || decision.action == Action::refuse)) return std::nullopt;
  return fetch(request, in_code, in_model);
}

std::optional<Difference> HttpWorld::fetch(const HttpRequest& request, const HttpCode::Selected& in_code,
                                           std::optional<HttpModel::Index> in_model) {
  const bool retrieves = request.method == "GET" || request.method == "HEAD";
  const WallTime sent_at = clock_.now();
  // An unsafe request may come within the millisecond in which something was stored.
  if (retrieves || random_.percent(70)) clock_.wait(random_);
  const WallTime received_at = clock_.now();
  std::optional<Known> known;
  if (in_model && retrieves) known = model_.known(*in_model);
  std::optional<HttpAnswer> answer;
  if (!random_.percent(6))
    answer = random_answer(random_, request, known ? &*known : nullptr, ++serial_, received_at);
  const HttpAnswer* const came = answer ? &*answer : nullptr;

  const Ending code_ending = code_.forwarded(request, in_code, came, sent_at, received_at);
  const Ending ending = model_.forwarded(request, in_model, came, sent_at, received_at);
  trace_.add(name_of(request), at(received_at) + "  upstream: " + (came ? to_string(*came) : "no answer") +
                                   " -> " + to_string(ending));
  if (!(code_ending == ending))
    return Difference{name_of(request), to_string(code_ending), to_string(ending)};
  count(ending, request, came, in_model.has_value());
  return std::nullopt;
}

void HttpWorld::purge() {
  HttpPurge purge;
  purge.soft = random_.percent(50);
  purge.target = random_.index(http_targets().size());
  purge.what = random_.one_of({HttpPurge::What::target, HttpPurge::What::target, HttpPurge::What::entry,
                               HttpPurge::What::entry, HttpPurge::What::target_key,
                               HttpPurge::What::target_key, HttpPurge::What::route, HttpPurge::What::all});
  const std::string& target = http_targets()[purge.target].as_sent;
  caching::Selection selection = caching::Everything{};
  std::string name = everything;
  if (purge.what == HttpPurge::What::target) selection = *caching::with_target(target);
  if (purge.what == HttpPurge::What::route) selection = caching::OfRoute{HttpCode::route};
  if (purge.what == HttpPurge::What::target_key)
    selection = caching::WithKey{caching::http_key("default", target).hash()};
  if (purge.what == HttpPurge::What::entry) {
    std::vector<caching::StoredResponsePtr> stored = code_.stored();
    std::erase_if(stored, [](const auto& response) { return caching::VariantIndex::is_index(*response); });
    if (stored.empty()) return;
    const auto& chosen = *stored[random_.index(stored.size())];
    selection = caching::WithKey{chosen.key.hash()};
    purge.marker = HttpCode::seen(chosen, clock_.now()).marker;
    name = "marker " + std::to_string(purge.marker);
  }
  if (purge.what == HttpPurge::What::target || purge.what == HttpPurge::What::target_key) name = target;
  for (const auto& each : http_targets()) {
    trace_.add(each.as_sent, at(clock_.now()) + (purge.soft ? "soft" : "hard") + " purge by " +
                                 std::string(caching::name_of(selection)) + ": " + name);
  }
  // None of these responses is of an account.
  code_.purge({caching::OfAccount{"12", std::nullopt}, caching::PurgeKind::hard}, clock_.now());
  code_.purge({selection, purge.soft ? caching::PurgeKind::soft : caching::PurgeKind::hard}, clock_.now());
  model_.purge(purge, clock_.now());
  ++tally_[purge.soft ? "http purges, soft" : "http purges, hard"];
}

void HttpWorld::count(const Decision& decision, const HttpRequest& request,
                      const std::vector<HttpModel::Index>& selectable) {
  if (decision.action == Action::use) {
    const HttpModel::Index entry = selectable.front();
    ++tally_["http hits"];
    if (model_.by_heuristic(entry)) ++tally_["http hits by heuristic"];
    if (model_.matching(request) > 1) ++tally_["http hits on the latest of several that match"];
    if (model_.ttl_s(entry, clock_.now()) <= 0) ++tally_["http hits stale by max-stale or only-if-cached"];
  } else if (decision.action == Action::use_and_refresh) {
    ++tally_["http hits with refresh"];
  } else if (decision.action == Action::refuse) {
    ++tally_["http refusals"];
  } else if (decision.reason == Forward::miss) {
    ++tally_["http fetches, miss"];
  } else if (decision.reason == Forward::request) {
    ++tally_["http fetches, request"];
  } else {
    ++tally_["http fetches, stale"];
    const bool doubt = request.control.empty() && model_.ttl_s(selectable.front(), clock_.now()) > 0;
    if (doubt) ++tally_["http doubts after the clock was set back"];
  }
}

void HttpWorld::count(const Ending& ending, const HttpRequest& request, const HttpAnswer* answer,
                      bool selected) {
  const bool retrieves = request.method == "GET" || request.method == "HEAD";
  if (ending.kind == Ending::Kind::failed) ++tally_["http failures"];
  if (ending.kind == Ending::Kind::stand_in)
    ++tally_[answer != nullptr && answer->status != 304 ? "http stand-ins, error status"
                                                        : "http stand-ins, no answer"];
  if (answer == nullptr) return;
  const bool confirms = answer->status == 304 && retrieves;
  if (confirms && ending.kind != Ending::Kind::answer) {
    ++tally_["http 304 unasked"];
  } else if (confirms) {
    ++tally_[ending.kept ? "http 304 that freshen" : "http 304 that may not be kept"];
  } else if (request.method == "HEAD" && selected && answer->status == 200) {
    ++tally_[ending.kept ? "http HEAD that freshen" : "http HEAD of another"];
  } else {
    ++tally_[ending.kept ? "http answers kept" : "http answers not kept"];
    if (request.method == "POST" && ending.kept) ++tally_["http answers to POST kept"];
    if (answer->status >= 500 && ending.kind == Ending::Kind::answer) ++tally_["http errors passed"];
  }
  if (!retrieves && answer->status >= 200 && answer->status < 400) ++tally_["http invalidations"];
}

}  // namespace roktcached::fuzz
