#include "tests/fuzz/http_model.h"

#include <algorithm>
#include <array>
#include <set>

#include "tests/fuzz/http_terms.h"

namespace roktcached::fuzz {

using caching::Action;
using caching::Decision;
using http::Forward;
using std::chrono::seconds;

std::string to_string(const Seen& seen) {
  return std::to_string(seen.status) + " " + seen.body + " marker " + std::to_string(seen.marker) +
         " secret " + std::to_string(seen.secret) + " age " + std::to_string(seen.age_s);
}

std::string to_string(const Ending& ending) {
  static constexpr std::array<const char*, 3> kinds = {"answer ", "stand-in ", "failed "};
  return kinds.at(static_cast<std::size_t>(ending.kind)) + to_string(ending.seen) +
         (ending.kept ? ", kept" : ", not kept");
}

/// Section 4.2.3. Of an Age that is a list the first member counts, and what is no number is ignored
/// (section 5.1).
HttpModel::Span HttpModel::initial_age(const Entry& entry) {
  Span apparent_age{0};
  if (entry.fields.date) apparent_age = std::max(Span{0}, entry.received_at - *entry.fields.date);
  Span age_value{0};
  if (entry.age == Age::number || entry.age == Age::twice || entry.age == Age::joined)
    age_value = span_of(entry.age_s);
  const Span response_delay = std::max(Span{0}, entry.received_at - entry.sent_at);
  return std::max(apparent_age, age_value + response_delay);
}

/// Section 4.2.1 and 4.2.2. Choice: the heuristic is a tenth, at most a day.
HttpModel::Span HttpModel::lifetime(const Entry& entry) {
  const AnswerFields& fields = entry.fields;
  const ResponseControl& control = control_of(fields);
  if (control.no_cache) return Span{0};
  if (control.s_maxage) return span_of(*control.s_maxage);
  if (const auto max_age = max_age_of(control)) return *max_age;
  const WallTime date = fields.date ? *fields.date : entry.received_at;
  if (fields.expires == Expires::valid) return std::max(Span{0}, Span{fields.expires_at - date});
  if (fields.expires != Expires::absent) return Span{0};
  if (!fields.last_modified) return Span{0};
  if (!is_heuristically_cacheable(entry.status) && !control.public_) return Span{0};
  const Span tenth = (date - *fields.last_modified) / 10;
  return std::min(std::max(tenth, Span{0}), Span{std::chrono::days{1}});
}

/// Choice: when a stale response is forgotten, after which it is of no use to anybody.
HttpModel::Times HttpModel::times(const Entry& entry) const {
  const ResponseControl& control = control_of(entry.fields);
  Times times;
  times.made_at = entry.received_at - initial_age(entry);
  times.fresh_until = times.made_at + lifetime(entry);
  Span stale = policy_.stale_if_error;
  if (control.stale_if_error) stale = std::max(stale, span_of(*control.stale_if_error));
  if (control.stale_while_revalidate) stale = std::max(stale, span_of(*control.stale_while_revalidate));
  times.usable_until = std::max(times.fresh_until, entry.received_at) + stale;
  for (const auto& made_stale : entry.made_stale) {
    const bool never_stale = times.usable_until <= times.fresh_until;
    times.fresh_until = std::min(times.fresh_until, made_stale.at);
    // Choice: what was never to be used stale ends with a soft purge.
    if (made_stale.by_purge && never_stale) times.usable_until = times.fresh_until;
  }
  return times;
}

/// Section 3.
bool HttpModel::may_be_stored(const Entry& entry, const std::string& method, bool at_its_target) const {
  const AnswerFields& fields = entry.fields;
  const ResponseControl& control = control_of(fields);
  const bool has_expiry = control.max_age || control.s_maxage || fields.expires != Expires::absent;
  // RFC 9110, section 9.3.3: of a POST with explicit freshness, where it says that it stands at its target.
  if (method != "GET" && !(method == "POST" && has_expiry && at_its_target)) return false;
  if (entry.request.control.no_store) return false;
  // A 206 has no place here: the model's clients ask for no range.
  if (entry.status < 200 || entry.status == 304 || entry.status == 206) return false;
  const bool understood = entry.status != 599;
  if (control.must_understand && !understood) return false;
  if (control.no_store && !control.must_understand) return false;  // section 5.2.2.3
  if (control.private_all) return false;
  const bool for_all = control.public_ || control.must_revalidate || control.s_maxage;
  if (entry.request.authorization && !for_all) return false;  // section 3.5
  if (!has_expiry && !control.public_ && !is_heuristically_cacheable(entry.status)) return false;
  // Choice: what is neither fresh nor can be validated, nor was meant to be used stale, is not kept.
  const bool can_be_validated = fields.entity_tag || fields.last_modified;
  return times(entry).fresh_until > entry.received_at || can_be_validated || control.stale_if_error ||
         control.stale_while_revalidate;
}

/// Section 4.1.
bool HttpModel::matches(const Entry& entry, const HttpRequest& request) {
  return !entry.gone && entry.request.target == request.target &&
         agree_in(names_of(entry.fields), entry.request, request);
}

std::size_t HttpModel::matching(const HttpRequest& request) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(history_, [&](const Entry& entry) { return matches(entry, request); }));
}

std::vector<HttpModel::Index> HttpModel::selectable(const HttpRequest& request) const {
  std::vector<Index> latest;
  for (Index i = 0; i < history_.size(); ++i) {
    const Entry& entry = history_[i];
    if (!matches(entry, request)) continue;
    // Section 4: the most recent. Choice: by Date as Age corrects it.
    const WallTime made_at = times(entry).made_at;
    const bool later = !latest.empty() && made_at > times(history_[latest.front()]).made_at;
    const bool earlier = !latest.empty() && made_at < times(history_[latest.front()]).made_at;
    if (later) latest.clear();
    if (!earlier) latest.push_back(i);
  }
  return latest;
}

Decision HttpModel::decide(std::optional<Index> selected, const HttpRequest& request, WallTime now) const {
  const RequestControl& control = request.control;
  const auto forward = [&](Forward reason) {
    return Decision{control.only_if_cached ? Action::refuse : Action::fetch, reason};
  };
  if (!selected || now >= times(history_[*selected]).usable_until) return forward(Forward::miss);
  const Entry& entry = history_[*selected];
  const Times at = times(entry);
  const Span age = now - at.made_at;
  const bool no_cache = control.no_cache || (request.pragma && control.empty());  // section 5.4
  if (no_cache) return forward(Forward::request);
  if (control.max_age && age > span_of(*control.max_age)) {
    // Choice: max-stale beside max-age says by how much it may be exceeded.
    if (!allows_max_stale(control, age - span_of(*control.max_age))) return forward(Forward::request);
  }
  const bool future = from_the_future(at.made_at, now);
  if (now < at.fresh_until && !future) {
    const bool too_short = control.min_fresh && at.fresh_until - now < span_of(*control.min_fresh);
    return too_short ? forward(Forward::request) : Decision{Action::use, Forward::none};
  }
  const ResponseControl& allowed = control_of(entry.fields);
  if (future || forbids_stale(allowed) || control.min_fresh) return forward(Forward::stale);
  const Span stale_for = now - at.fresh_until;
  if (allows_max_stale(control, stale_for)) return {Action::use, Forward::none};
  // RFC 5861, section 3. Choice: a client with a wish of its own waits for what it wishes.
  const bool wish = control.max_age || control.max_stale;
  if (!wish && allowed.stale_while_revalidate && stale_for <= span_of(*allowed.stale_while_revalidate))
    return {control.only_if_cached ? Action::use : Action::use_and_refresh, Forward::none};
  return forward(Forward::stale);
}

Seen HttpModel::seen_of(const Entry& entry, WallTime now) {
  const Span age = now - (entry.received_at - initial_age(entry));
  return {entry.status, entry.body, entry.fields.marker, entry.fields.secret.value_or(-1),
          std::max<std::int64_t>(0, std::chrono::floor<seconds>(age).count())};
}

Seen HttpModel::seen(Index entry, WallTime now) const {
  return seen_of(history_[entry], now);
}

std::int64_t HttpModel::ttl_s(Index entry, WallTime now) const {
  const std::int64_t left_ms = (times(history_[entry]).fresh_until - now).count();
  const std::int64_t whole = left_ms / 1000;
  if (left_ms > 0) return left_ms % 1000 == 0 ? whole : whole + 1;
  return left_ms % 1000 == 0 ? whole : whole - 1;
}

bool HttpModel::by_heuristic(Index index) const {
  const AnswerFields& fields = history_[index].fields;
  const ResponseControl& control = control_of(fields);
  return !control.max_age && !control.s_maxage && fields.expires == Expires::absent;
}

Known HttpModel::known(Index entry) const {
  return {history_[entry].fields, history_[entry].body.size()};
}

std::vector<WallTime> HttpModel::turns(Index index) const {
  const Entry& entry = history_[index];
  const Times at = times(entry);
  const ResponseControl& control = control_of(entry.fields);
  std::vector<WallTime> turns = {at.fresh_until, at.usable_until, at.made_at - seconds{5},
                                 at.fresh_until + policy_.stale_if_error,
                                 at.made_at - policy_.stale_if_error};
  for (const auto& value : {control.stale_while_revalidate, control.stale_if_error}) {
    if (!value) continue;
    turns.push_back(at.fresh_until + span_of(*value));
    turns.push_back(at.made_at - span_of(*value));
  }
  for (const std::int64_t wish : {1, 5, 10, 60, 600, 3600, 86'400}) {
    turns.push_back(at.made_at + seconds{wish});
    turns.push_back(at.fresh_until + seconds{wish});
    turns.push_back(at.fresh_until - seconds{wish});
  }
  return turns;
}

/// Section 4.2.4; RFC 5861, section 4. Choice: without stale-if-error only where the upstream is gone.
/// Choice: what is fresh may stand in too, for a client that wanted a newer one.
bool HttpModel::may_stand_in(std::optional<Index> selected, Failure failure, WallTime now) const {
  if (!selected) return false;
  const Entry& entry = history_[*selected];
  const Times at = times(entry);
  const ResponseControl& control = control_of(entry.fields);
  if (now >= at.usable_until || forbids_stale(control)) return false;
  const Span stale_for = now - at.fresh_until;
  const Span ahead = at.made_at - now;
  if (control.stale_if_error) {
    const Span limit = span_of(*control.stale_if_error);
    return stale_for <= limit && (ahead <= limit || !from_the_future(at.made_at, now));
  }
  const Span limit = policy_.stale_if_error;
  return failure == Failure::no_answer && stale_for < limit &&
         (ahead <= limit || !from_the_future(at.made_at, now));
}

/// Puts an answer into the history, and ends what it takes the place of. Choice: an answer that varies and
/// one that does not cannot stand side by side.
bool HttpModel::keep(Entry entry) {
  const auto names = names_of(entry.fields);
  if (names.contains("*")) return false;  // section 4.1
  const ResponseControl& control = control_of(entry.fields);
  if (control.no_cache_secret || control.private_secret) entry.fields.secret.reset();
  for (Entry& other : history_) {
    if (other.request.target != entry.request.target) continue;
    const auto others = names_of(other.fields);
    const bool same_variant = others == names && agree_in(names, other.request, entry.request);
    if (names.empty() || others.empty() || same_variant) other.gone = true;
  }
  history_.push_back(std::move(entry));
  return true;
}

/// Sections 3.2, 4.3.4 and 4.3.5. Choice: of several that match only the selected one is brought up to date.
/// Choice: an update that may not be stored, or would leave nothing of use, leaves what is stored as it was.
/// Choice: a 304 speaks of what was asked about, whatever entity-tag it bears.
bool HttpModel::freshen(const HttpRequest& request, Index selected, const HttpAnswer& answer,
                        WallTime sent_at, WallTime received_at, Seen& seen) {
  Entry entry = history_[selected];
  const AnswerFields& update = answer.fields;
  entry.request = request;
  entry.made_stale.clear();
  entry.sent_at = sent_at;
  entry.received_at = received_at;
  entry.age = answer.age;
  entry.age_s = answer.age_s;
  // RFC 9110, section 6.6.1: a Date that is missing is when it was received.
  entry.fields.date = update.date ? *update.date : std::chrono::floor<seconds>(received_at);
  if (update.control) entry.fields.control = update.control;
  if (update.expires != Expires::absent) {
    entry.fields.expires = update.expires;
    entry.fields.expires_at = update.expires_at;
  }
  if (update.last_modified) entry.fields.last_modified = update.last_modified;
  if (update.vary && !update.vary->empty()) entry.fields.vary = update.vary;
  entry.fields.marker = update.marker;
  if (update.secret) entry.fields.secret = update.secret;
  seen = seen_of(entry, received_at);
  return may_be_stored(entry, "GET", false) && keep(std::move(entry));
}

/// Section 4.4.
void HttpModel::invalidate(std::size_t target) {
  for (Entry& entry : history_) {
    if (entry.request.target == target) entry.gone = true;
  }
}

Ending HttpModel::forwarded(const HttpRequest& request, std::optional<Index> selected,
                            const HttpAnswer* answer, WallTime sent_at, WallTime received_at) {
  if (!retrieves(request)) selected.reset();
  Ending ending;
  const bool conditional =
      selected && (history_[*selected].fields.entity_tag || history_[*selected].fields.last_modified);
  const bool confirms = answer != nullptr && answer->status == 304 && retrieves(request);
  // Choice: a write whose answer is lost may have been done.
  if (answer == nullptr && !retrieves(request)) invalidate(request.target);
  if (answer == nullptr || (confirms && !conditional)) {
    if (may_stand_in(selected, Failure::no_answer, received_at))
      ending = {Ending::Kind::stand_in, seen_of(history_[*selected], received_at), false};
    return ending;
  }
  ending.kind = Ending::Kind::answer;
  if (confirms) {
    ending.kept = freshen(request, *selected, *answer, sent_at, received_at, ending.seen);
    return ending;
  }
  Entry entry{request,      answer->status, answer->fields, answer->age, answer->age_s,
              answer->body, sent_at,        received_at,    {},          false};
  ending.seen = seen_of(entry, received_at);
  const unsigned status = answer->status;
  const bool error = status == 500 || status == 502 || status == 503 || status == 504;
  const bool replaceable = error && may_stand_in(selected, Failure::error_status, received_at);
  if (replaceable) ending = {Ending::Kind::stand_in, seen_of(history_[*selected], received_at), false};
  if (request.method == "HEAD") {
    if (!selected || status != 200 || history_[*selected].status != 200) return ending;
    const Entry& stored = history_[*selected];
    const AnswerFields& head = answer->fields;
    const bool same = (!head.entity_tag || head.entity_tag == stored.fields.entity_tag) &&
                      (!head.last_modified || head.last_modified == stored.fields.last_modified) &&
                      (!answer->length || *answer->length == stored.body.size());
    if (same) {
      ending.kept = freshen(request, *selected, *answer, sent_at, received_at, ending.seen);
    } else {
      history_[*selected].made_stale.push_back({received_at, false});
    }
    return ending;
  }
  const auto ours = [](const std::optional<Reference>& reference) {
    return reference && reference->form != Reference::Form::foreign;
  };
  if (request.method != "GET" && status >= 200 && status < 400) {
    invalidate(request.target);
    if (ours(answer->location)) invalidate(answer->location->target);
    if (ours(answer->content_location)) invalidate(answer->content_location->target);
  }
  const bool at_its_target =
      ours(answer->content_location) && answer->content_location->target == request.target;
  // Choice: a server error takes the place of nothing that could stand in for it.
  const bool leaves = status >= 500 && may_stand_in(selected, Failure::error_status, received_at);
  if (!leaves && may_be_stored(entry, request.method, at_its_target)) ending.kept = keep(std::move(entry));
  return ending;
}

void HttpModel::purge(const HttpPurge& purge, WallTime at) {
  const auto& targets = http_targets();
  for (Entry& entry : history_) {
    const HttpTarget& target = targets[entry.request.target];
    const HttpTarget& named = targets[purge.target];
    bool selected = purge.what == HttpPurge::What::all || purge.what == HttpPurge::What::route;
    // A target means the responses to it as it is spelled, and to its canonical spelling.
    if (purge.what == HttpPurge::What::target)
      selected = target.as_sent == named.as_sent || target.as_sent == named.canonical;
    if (purge.what == HttpPurge::What::entry) selected = entry.fields.marker == purge.marker;
    // At a target's own key stands its one response, or what leads to its variants: a hard purge ends those
    // too, a soft one leaves them as they are.
    const bool varies = !names_of(entry.fields).empty();
    if (purge.what == HttpPurge::What::target_key)
      selected = entry.request.target == purge.target && !(varies && purge.soft);
    if (!selected) continue;
    if (purge.soft) {
      entry.made_stale.push_back({at, true});
    } else {
      entry.gone = true;
    }
  }
}

}  // namespace roktcached::fuzz
