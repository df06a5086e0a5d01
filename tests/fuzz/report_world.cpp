#include "tests/fuzz/report_world.h"

#include <algorithm>
#include <charconv>

#include "core/http/target.h"

namespace roktcached::fuzz {

using caching::Action;
using caching::Decision;
using caching::FreshnessState;
using caching::StoredResponse;
using caching::StoredResponsePtr;
using http::Forward;

namespace {

constexpr const char* credential = "default";

http::RequestDirectives directives_of(const RequestControl& control) {
  http::Fields fields;
  if (!control.empty()) fields.add("Cache-Control", cache_control_of(control));
  return http::parse_request_directives(fields);
}

std::int64_t body_of(const StoredResponse& response) {
  std::int64_t number = -1;
  std::from_chars(response.body->data() + 1, response.body->data() + response.body->size(), number);
  return number;
}

upstream::UpstreamResult result_of(const ReportAnswer* answer, WallTime sent_at) {
  if (answer == nullptr)
    return upstream::UpstreamFailure{{ErrorCode::upstream_timeout, true, "no answer", ErrorSource::upstream},
                                     std::nullopt};
  upstream::UpstreamResponse response;
  response.status = answer->status;
  // That of a 304 would be what was asked about, which the world does not know.
  if (answer->validator && answer->status != 304)
    response.fields.add("ETag", "\"" + std::to_string(answer->body) + "\"");
  // The upstream's own freshness has no say here.
  response.fields.add("Cache-Control", "no-store, max-age=1");
  if (answer->status != 304) response.body = "[" + std::to_string(answer->body) + "]";
  response.sent_at = sent_at;
  return response;
}

std::string at(WallTime now) {
  return std::to_string(unix_ms(now)) + ": ";
}

/// Ranges end before and while a world is played, which takes about a year: so all states are met.
std::vector<ReportKey> random_keys(Random& random, WallTime now, const caching::FreshnessPolicy& policy) {
  std::vector<ReportKey> keys;
  for (int i = 0; i < 8; ++i) {
    ReportKey key;
    key.account = random.one_of({"1", "2"});
    key.metadata = i == 7;
    const bool of_campaign = key.metadata || random.percent(50);
    if (of_campaign) key.campaign = random.one_of({"1", "2"});
    key.route = key.metadata ? "campaign-metadata" : of_campaign ? "campaign-overview" : "account-summary";
    const std::string scope = "/accounts/" + key.account + (of_campaign ? "/campaigns/" + key.campaign : "");
    key.target = key.metadata ? "/metadata" + scope
                              : "/reporting" + scope + (of_campaign ? "/overview" : "/summary") +
                                    "?dateStart=2026-09-01&dateEnd=2026-09-0" + std::to_string(1 + i / 2) +
                                    "&currency=USD&timeZoneVariation=UTC&n=" + std::to_string(i / 2);
    if (i % 2 == 1) key.version = "alpha-" + std::to_string(i);
    const auto window = policy.restatement_window.count();
    if (!key.metadata && !random.percent(10))
      key.range_end = now + std::chrono::milliseconds{random.between(-window * 5 / 4, 300 * 86'400'000LL)};
    keys.push_back(std::move(key));
  }
  return keys;
}

}  // namespace

Decision ReportCode::decide(const caching::Key& key, const RequestControl& control, WallTime now) const {
  return caching::decide(look_up(key).get(), directives_of(control), policy_, now);
}

StoredResponsePtr ReportCode::look_up(const caching::Key& key) const {
  const auto found = store_.find(std::string(key.text()));
  return found == store_.end() ? nullptr : found->second;
}

std::string ReportCode::standing(const caching::Key& key, WallTime now) const {
  const StoredResponsePtr stored = look_up(key);
  if (!stored) return "nothing";
  return std::to_string(stored->status) + " body " + std::to_string(body_of(*stored)) + " age " +
         std::to_string(caching::age_of(*stored, now).count()) + " ttl " +
         std::to_string(caching::ttl_of(*stored, now).count());
}

/// As Fetcher::run, and as ReportHandler answers with the outcome.
ReportEnding ReportCode::forwarded(proxy::FetchRequest fetch, const ReportAnswer* answer, WallTime sent_at,
                                   WallTime received_at) {
  fetch.stored = look_up(fetch.key);
  fetch.policy = policy_;
  const proxy::FetchOutcome outcome = proxy::judge(fetch, result_of(answer, sent_at));
  for (const auto& response : outcome.to_store) store_[std::string(response->key.text())] = response;

  const auto ending = [&](ReportEnding::Kind kind, const StoredResponse& response) {
    return ReportEnding{kind, response.status, body_of(response),
                        caching::age_of(response, received_at).count(), outcome.stored()};
  };
  if (proxy::gives_way(outcome) && caching::may_stand_in(fetch.stored.get(), policy_, received_at))
    return ending(ReportEnding::Kind::stand_in, *fetch.stored);
  return outcome.response ? ending(ReportEnding::Kind::answer, *outcome.response) : ReportEnding{};
}

ReportWorld::ReportWorld(const caching::FreshnessPolicy& policy, Random& random, PlayedClock& clock,
                         Tally& tally, Trace& trace)
    : random_(random),
      clock_(clock),
      tally_(tally),
      trace_(trace),
      keys_(random_keys(random, clock.now(), policy)),
      code_(policy),
      model_(policy, keys_) {}

const std::vector<std::string_view>& ReportWorld::expected() {
  static const std::vector<std::string_view> names = {
      "report hits, open",
      "report hits, restating",
      "report hits, restating and steady",
      "report hits, settled",
      "report hits, metadata",
      "report hits, negative",
      "report hits with refresh",
      "report hits against the client's wish, fetched a moment ago",
      "report fetches, miss",
      "report fetches, request",
      "report fetches, stale",
      "report refusals",
      "report doubts after the clock was set back",
      "report answers kept",
      "report answers not kept",
      "report 304 that confirm",
      "report 304 unasked",
      "report stand-ins, no answer",
      "report stand-ins, error status",
      "report failures",
      "report errors passed",
      "report purges, hard",
      "report purges, soft"};
  return names;
}

std::optional<Difference> ReportWorld::step() {
  if (random_.percent(1.5)) {
    purge();
    return std::nullopt;
  }
  const std::size_t index = random_.index(keys_.size());
  if (random_.percent(25)) clock_.approach(random_, model_.turns(index));
  return ask(index);
}

/// The parameters come in any order; they are one key.
caching::Key ReportWorld::key_of(std::size_t index) {
  const ReportKey& key = keys_[index];
  const auto target = *http::parse_target(key.target);
  const http::Query query = http::parse_query(target.query);
  std::vector<http::QueryParameter> parameters(query.begin(), query.end());
  for (std::size_t i = parameters.size(); i > 1; --i)
    std::swap(parameters[i - 1], parameters[random_.index(i)]);
  return caching::key_of(credential, target.path, parameters, key.version);
}

std::optional<Difference> ReportWorld::ask(std::size_t index) {
  const WallTime now = clock_.now();
  const caching::Key key = key_of(index);
  const RequestControl control = random_control(random_);
  const Decision code_decision = code_.decide(key, control, now);
  const Decision decision = model_.decide(index, control, now);
  const std::string model_verdict = to_string(decision) + " with " + model_.standing(index, now);
  const std::string code_verdict = to_string(code_decision) + " with " + code_.standing(key, now);
  trace_.add(std::string(key.text()), at(now) + "[" + cache_control_of(control) + "] -> " + model_verdict);
  if (code_verdict != model_verdict) return Difference{std::string(key.text()), code_verdict, model_verdict};
  count(index, decision);
  const bool moments_ago = decision.action == Action::use && control.no_cache;
  if (moments_ago) ++tally_["report hits against the client's wish, fetched a moment ago"];
  if (decision.action == Action::use || decision.action == Action::refuse) return std::nullopt;
  // A refresh that runs behind an answer keeps what it brings, whatever the client sent.
  const bool no_store = control.no_store && decision.action == Action::fetch;
  return fetch(index, no_store);
}

std::optional<Difference> ReportWorld::fetch(std::size_t index, bool no_store) {
  const ReportKey& key = keys_[index];
  proxy::FetchRequest fetch;
  fetch.key = key_of(index);
  fetch.route = key.route;
  fetch.route_class = key.metadata ? rokt::RouteClass::metadata : rokt::RouteClass::report;
  fetch.account_id = key.account;
  fetch.campaign_id = key.campaign;
  fetch.range_end = key.range_end;
  fetch.may_store = !no_store;
  const std::string name(fetch.key.text());
  const WallTime sent_at = clock_.now();
  clock_.wait(random_);
  const WallTime received_at = clock_.now();
  const std::optional<ReportAnswer> answer = random_answer(index);
  const ReportAnswer* const came = answer ? &*answer : nullptr;

  const ReportEnding code_ending = code_.forwarded(std::move(fetch), came, sent_at, received_at);
  const ReportEnding ending = model_.forwarded(index, came, !no_store, sent_at, received_at);
  const std::string said =
      came ? std::to_string(came->status) + " body " + std::to_string(came->body) : std::string("no answer");
  trace_.add(name, at(received_at) + "  upstream: " + said + " -> " + to_string(ending));
  if (!(code_ending == ending)) return Difference{name, to_string(code_ending), to_string(ending)};
  count(ending, came);
  return std::nullopt;
}

/// Mostly what was there before, so that ranges become steady.
std::optional<ReportAnswer> ReportWorld::random_answer(std::size_t index) {
  if (random_.percent(6)) return std::nullopt;
  ReportAnswer answer;
  const auto before = model_.body(index);
  answer.body = before && random_.percent(80) ? *before : ++serial_;
  answer.validator = random_.percent(50);
  if (random_.percent(model_.has_validator(index) ? 30 : 2)) {
    answer.status = 304;
  } else if (random_.percent(15)) {
    answer.status = random_.one_of<unsigned>({400, 404, 404, 403, 401, 429, 500, 502, 503, 504, 501});
  }
  return answer;
}

void ReportWorld::purge() {
  const std::size_t index = random_.index(keys_.size());
  const ReportKey& key = keys_[index];
  ReportPurge purge;
  purge.soft = random_.percent(50);
  caching::Selection selection = caching::Everything{};
  switch (random_.between(0, 7)) {
    case 0:
    case 1:
      purge.key = index;
      selection = caching::WithKey{key_of(index).hash()};
      break;
    case 2:
    case 3:
      purge.target = key.target;
      selection = *caching::with_target(key.target);
      break;
    case 4:
      purge.route = key.route;
      selection = caching::OfRoute{key.route};
      break;
    case 5:
      purge.account = key.account;
      selection = caching::OfAccount{key.account, std::nullopt};
      break;
    case 6:
      if (key.campaign.empty()) return;
      purge.account = key.account;
      purge.campaign = key.campaign;
      selection = caching::OfAccount{key.account, key.campaign};
      break;
    default:
      break;
  }
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    trace_.add(std::string(key_of(i).text()), at(clock_.now()) + (purge.soft ? "soft" : "hard") +
                                                  " purge by " + std::string(caching::name_of(selection)) +
                                                  " of " + key.target);
  }
  code_.purge({selection, purge.soft ? caching::PurgeKind::soft : caching::PurgeKind::hard}, clock_.now());
  model_.purge(purge, clock_.now());
  ++tally_[purge.soft ? "report purges, soft" : "report purges, hard"];
}

void ReportWorld::count(std::size_t index, const Decision& decision) {
  if (decision.action == Action::use) {
    switch (*model_.state(index)) {
      case FreshnessState::open:
        ++tally_["report hits, open"];
        break;
      case FreshnessState::restating:
        ++tally_[model_.lives_longer(index) ? "report hits, restating and steady" : "report hits, restating"];
        break;
      case FreshnessState::settled:
        ++tally_["report hits, settled"];
        break;
      case FreshnessState::metadata:
        ++tally_["report hits, metadata"];
        break;
      case FreshnessState::negative:
        ++tally_["report hits, negative"];
        break;
    }
  } else if (decision.action == Action::use_and_refresh) {
    ++tally_["report hits with refresh"];
  } else if (decision.action == Action::refuse) {
    ++tally_["report refusals"];
  } else if (decision.reason == Forward::miss) {
    ++tally_["report fetches, miss"];
  } else if (decision.reason == Forward::request) {
    ++tally_["report fetches, request"];
  } else {
    ++tally_["report fetches, stale"];
    if (model_.fresh_before_it_was_made(index, clock_.now()))
      ++tally_["report doubts after the clock was set back"];
  }
}

void ReportWorld::count(const ReportEnding& ending, const ReportAnswer* answer) {
  const bool confirms = answer != nullptr && answer->status == 304;
  if (ending.kind == ReportEnding::Kind::failed) ++tally_["report failures"];
  if (ending.kind == ReportEnding::Kind::stand_in)
    ++tally_[answer != nullptr && !confirms ? "report stand-ins, error status"
                                            : "report stand-ins, no answer"];
  if (confirms) {
    ++tally_[ending.kind == ReportEnding::Kind::answer ? "report 304 that confirm" : "report 304 unasked"];
  } else if (answer != nullptr && ending.kind == ReportEnding::Kind::answer) {
    ++tally_[ending.kept ? "report answers kept" : "report answers not kept"];
    if (answer->status >= 500 || answer->status == 429) ++tally_["report errors passed"];
  }
}

}  // namespace roktcached::fuzz
