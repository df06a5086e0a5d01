#include "tests/fuzz/report_model.h"

#include <algorithm>
#include <array>

namespace roktcached::fuzz {

using caching::Action;
using caching::Decision;
using caching::FreshnessState;
using http::Forward;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

std::int64_t whole_seconds(milliseconds age) {
  return std::max<std::int64_t>(0, std::chrono::floor<seconds>(age).count());
}

bool is_negative(unsigned status) {
  return status == 404 || status == 400;
}

/// The clock was set back since; clocks may differ by five seconds.
bool from_the_future(WallTime fetched_at, WallTime now) {
  return fetched_at > now + seconds{5};
}

}  // namespace

std::string to_string(const ReportEnding& ending) {
  static constexpr std::array<const char*, 3> kinds = {"answer ", "stand-in ", "failed "};
  return kinds.at(static_cast<std::size_t>(ending.kind)) + std::to_string(ending.status) + " body " +
         std::to_string(ending.body) + " age " + std::to_string(ending.age_s) +
         (ending.kept ? ", kept" : ", not kept");
}

const ReportModel::Kept* ReportModel::last(std::size_t key) const {
  const History& history = histories_[key];
  return history.gone ? nullptr : &history.kept.back();
}

/// The state of the numbers when they were asked for.
FreshnessState ReportModel::state_of(std::size_t key, const Kept& answer) const {
  if (is_negative(answer.status)) return FreshnessState::negative;
  if (keys_[key].metadata) return FreshnessState::metadata;
  const auto& range_end = keys_[key].range_end;
  if (!range_end || answer.fetched_at <= *range_end) return FreshnessState::open;
  const bool lately = answer.fetched_at < *range_end + policy_.restatement_window;
  return lately ? FreshnessState::restating : FreshnessState::settled;
}

bool ReportModel::is_restating(std::size_t key, const Kept& answer) const {
  const auto& range_end = keys_[key].range_end;
  return range_end && answer.fetched_at > *range_end &&
         answer.fetched_at < *range_end + policy_.restatement_window;
}

/// At how many refreshes in a row, back from `answer`, the body has stayed the same while the range was
/// restating, and each came after half the lifetime of the one before: one that came sooner neither counts
/// nor ends the row.
unsigned ReportModel::unchanged_in_a_row(std::size_t key, const Kept& answer) const {
  // From the last to the first of the row, then forward: how long each lives depends on those before it.
  std::vector<const Kept*> row = {&answer};
  const auto& kept = histories_[key].kept;
  while (row.back()->before) {
    const Kept& after = *row.back();
    const Kept& before = kept[*after.before];
    const bool same = before.status == after.status && before.body == after.body;
    const bool was_open = keys_[key].range_end && before.fetched_at <= *keys_[key].range_end;
    if (!same || was_open || !is_restating(key, after)) break;
    row.push_back(&before);
  }
  unsigned unchanged = 0;
  for (std::size_t i = row.size() - 1; i > 0; --i) {
    const Span half = lifetime(key, *row[i], unchanged) / 2;
    if (row[i - 1]->fetched_at - row[i]->fetched_at >= half) unchanged = std::min(unchanged + 1, 1000U);
  }
  return unchanged;
}

ReportModel::Span ReportModel::lifetime(std::size_t key, const Kept& answer, unsigned unchanged) const {
  switch (state_of(key, answer)) {
    case FreshnessState::open:
      return policy_.open;
    case FreshnessState::settled:
      return policy_.settled;
    case FreshnessState::metadata:
      return policy_.metadata;
    case FreshnessState::negative:
      return answer.status == 404 ? policy_.not_found : policy_.bad_request;
    case FreshnessState::restating:
      break;
  }
  Span span = policy_.restating;
  if (policy_.restating_steady_after == 0) return span;
  for (std::uint64_t n = policy_.restating_steady_after; n <= unchanged; ++n) {
    if (span * 2 > policy_.restating_max) return std::max(span, policy_.restating_max);
    span *= 2;
  }
  return span;
}

ReportModel::Times ReportModel::times(std::size_t key, const Kept& answer) const {
  Times times;
  times.fresh_until = answer.fetched_at + lifetime(key, answer, unchanged_in_a_row(key, answer));
  const Span stale = std::max(policy_.stale_if_error, policy_.stale_while_revalidate);
  const bool never_stale = is_negative(answer.status) || stale == Span{0};
  times.usable_until = times.fresh_until + stale;
  for (const WallTime purged_at : answer.soft_purges)
    times.fresh_until = std::min(times.fresh_until, purged_at);
  if (never_stale) times.usable_until = times.fresh_until;
  return times;
}

Decision ReportModel::decide(std::size_t key, const RequestControl& control, WallTime now) const {
  const auto forward = [&](Forward reason) {
    return Decision{control.only_if_cached ? Action::refuse : Action::fetch, reason};
  };
  const Decision use{Action::use, Forward::none};
  const Kept* const answer = last(key);
  if (answer == nullptr) return forward(Forward::miss);
  const Times at = times(key, *answer);
  if (now >= at.usable_until) return forward(Forward::miss);
  const Span age = now - answer->fetched_at;
  const bool measurable = !from_the_future(answer->fetched_at, now);
  const bool fresh = measurable && now < at.fresh_until;
  if (fresh && age < policy_.min_refetch_interval) return use;
  if (control.no_cache) return forward(Forward::request);
  if (control.max_age && age > seconds{*control.max_age}) return forward(Forward::request);
  if (fresh) {
    const bool too_short = control.min_fresh && now + seconds{*control.min_fresh} > at.fresh_until;
    return too_short ? forward(Forward::request) : use;
  }
  if (!measurable) return forward(Forward::stale);
  const Span stale_for = now - at.fresh_until;
  if (control.max_stale && (*control.max_stale == -1 || stale_for <= seconds{*control.max_stale})) return use;
  // If no range is known that could be open, as of metadata, nothing is held to be.
  const bool was_open = keys_[key].range_end && answer->fetched_at <= *keys_[key].range_end;
  const bool wish = control.max_age || control.min_fresh || control.max_stale;
  if (wish || was_open || stale_for >= policy_.stale_while_revalidate) return forward(Forward::stale);
  return control.only_if_cached ? use : Decision{Action::use_and_refresh, Forward::none};
}

std::string ReportModel::standing(std::size_t key, WallTime now) const {
  const Kept* const answer = last(key);
  if (answer == nullptr) return "nothing";
  const std::int64_t left_ms = (times(key, *answer).fresh_until - now).count();
  const std::int64_t away = left_ms % 1000 == 0 ? 0 : left_ms > 0 ? 1 : -1;
  return std::to_string(answer->status) + " body " + std::to_string(answer->body) + " age " +
         std::to_string(whole_seconds(now - answer->fetched_at)) + " ttl " +
         std::to_string(left_ms / 1000 + away);
}

std::optional<FreshnessState> ReportModel::state(std::size_t key) const {
  const Kept* const answer = last(key);
  if (answer == nullptr) return std::nullopt;
  return state_of(key, *answer);
}

bool ReportModel::lives_longer(std::size_t key) const {
  const Kept* const answer = last(key);
  return answer != nullptr && state_of(key, *answer) == FreshnessState::restating &&
         lifetime(key, *answer, unchanged_in_a_row(key, *answer)) > policy_.restating;
}

bool ReportModel::has_validator(std::size_t key) const {
  const Kept* const answer = last(key);
  return answer != nullptr && answer->validator;
}

std::optional<std::int64_t> ReportModel::body(std::size_t key) const {
  const Kept* const answer = last(key);
  if (answer == nullptr) return std::nullopt;
  return answer->body;
}

bool ReportModel::fresh_before_it_was_made(std::size_t key, WallTime now) const {
  const Kept* const answer = last(key);
  return answer != nullptr && from_the_future(answer->fetched_at, now);
}

std::vector<WallTime> ReportModel::turns(std::size_t key) const {
  std::vector<WallTime> turns;
  if (const auto& range_end = keys_[key].range_end)
    turns = {*range_end, *range_end + policy_.restatement_window};
  const Kept* const answer = last(key);
  if (answer == nullptr) return turns;
  const Times at = times(key, *answer);
  const Span half = lifetime(key, *answer, unchanged_in_a_row(key, *answer)) / 2;
  const auto more = {at.fresh_until,
                     at.usable_until,
                     at.fresh_until + policy_.stale_while_revalidate,
                     at.fresh_until + policy_.stale_if_error,
                     answer->fetched_at + policy_.min_refetch_interval,
                     answer->fetched_at + half,
                     answer->fetched_at - seconds{5},
                     answer->fetched_at - policy_.stale_if_error};
  turns.insert(turns.end(), more);
  for (const std::int64_t wish : {1, 5, 10, 60, 600, 3600, 86'400}) {
    turns.push_back(answer->fetched_at + seconds{wish});
    turns.push_back(at.fresh_until + seconds{wish});
    turns.push_back(at.fresh_until - seconds{wish});
  }
  return turns;
}

/// RFC 5861, section 4: stale for less than stale_if_error, and from no further a future.
bool ReportModel::may_stand_in(std::size_t key, WallTime now) const {
  const Kept* const answer = last(key);
  if (answer == nullptr) return false;
  const Times at = times(key, *answer);
  if (now >= at.usable_until) return false;
  return now - at.fresh_until < policy_.stale_if_error && answer->fetched_at - now <= policy_.stale_if_error;
}

ReportEnding ReportModel::forwarded(std::size_t key, const ReportAnswer* answer, bool may_keep,
                                    WallTime sent_at, WallTime received_at) {
  History& history = histories_[key];
  const Kept* const stands = last(key);
  // A 304 to a request without a validator is no answer.
  const bool none = answer == nullptr || (answer->status == 304 && !has_validator(key));
  const bool error = !none && (answer->status == 429 || answer->status == 500 || answer->status == 502 ||
                               answer->status == 503 || answer->status == 504);
  if ((none || error) && may_stand_in(key, received_at))
    return {ReportEnding::Kind::stand_in, stands->status, stands->body,
            whole_seconds(received_at - stands->fetched_at), false};
  if (none) return {};

  Kept came{answer->status, answer->body, answer->validator, sent_at, std::nullopt, {}};
  if (stands != nullptr) came.before = history.kept.size() - 1;
  if (answer->status == 304) {
    came.status = stands->status;
    came.body = stands->body;
    came.validator = true;
  }
  const bool report_stays =
      is_negative(came.status) && stands != nullptr && stands->status == 200 && may_stand_in(key, sent_at);
  const bool kind_is_kept = came.status == 200 || (is_negative(came.status) && !report_stays);
  const unsigned unchanged = unchanged_in_a_row(key, came);
  const bool kept = may_keep && kind_is_kept && lifetime(key, came, unchanged) > Span{0};
  const ReportEnding ending{ReportEnding::Kind::answer, came.status, came.body,
                            whole_seconds(received_at - sent_at), kept};
  if (kept) {
    history.kept.push_back(std::move(came));
    history.gone = false;
  }
  return ending;
}

void ReportModel::purge(const ReportPurge& purge, WallTime at) {
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    const ReportKey& key = keys_[i];
    const bool selected = (!purge.key || *purge.key == i) &&
                          (purge.target.empty() || purge.target == key.target) &&
                          (purge.route.empty() || purge.route == key.route) &&
                          (purge.account.empty() || purge.account == key.account) &&
                          (purge.campaign.empty() || purge.campaign == key.campaign);
    History& history = histories_[i];
    if (!selected || history.gone) continue;
    if (purge.soft) {
      history.kept.back().soft_purges.push_back(at);
    } else {
      history.gone = true;
    }
  }
}

}  // namespace roktcached::fuzz
