#pragma once

#include <boost/container/small_vector.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/caching/freshness.h"
#include "core/caching/stored_response.h"
#include "core/caching/storing.h"
#include "core/rokt/routes.h"
#include "core/time.h"
#include "server/upstream/upstream.h"

namespace roktcached::proxy {

/// The facts beside the request that are needed to judge an answer on an http route.
struct HttpFetch {
  caching::Key target;  ///< of the target, not of a variant
  std::string method;
  http::Fields client;  ///< the fields of the client's request
  bool no_store = false;
  bool range_forwarded = false;
  /// The index at the target's key, if responses vary; may be null.
  caching::StoredResponsePtr index;
  /// All credentials, if the method is unsafe: a write ends what is stored under each.
  std::vector<std::string> credentials;
  std::vector<std::string> hosts;  ///< under which Location and Content-Location mean this server
};

/// A request for a fetch, with what is known about it. A plain value that crosses from a client thread to the
/// upstream thread.
struct FetchRequest {
  caching::Key key;
  std::string_view route;  ///< Route::name, of the table
  rokt::RouteClass route_class = rokt::RouteClass::report;
  std::string account_id;
  std::string campaign_id;
  std::optional<WallTime> range_end;
  upstream::UpstreamRequest upstream;  ///< without a validator, until it is sent
  caching::StoredResponsePtr stored;   ///< what is to be revalidated or replaced; may be null
  bool may_store = true;               ///< false if the client sent no-store
  /// Whether an answer that another instance of the fleet has stored will do; false if the client wants a new
  /// answer.
  bool takes_stored = true;
  caching::FreshnessPolicy policy;        ///< of this route and account
  std::uint64_t settings_number = 0;      ///< Runtime::number of the settings that it is of
  SteadyTime received_at;                 ///< when the client's request was read
  std::shared_ptr<const HttpFetch> http;  ///< set on http routes alone
};

/// How good an answer is on a report or metadata route.
enum class AnswerKind {
  other,     ///< its status tells
  report,    ///< 200 with whole JSON, or a 304 that confirms one. Of a large one the first octets are judged
  not_json,  ///< a success, but its content is no JSON: a sign-in page, half a document, nothing at all
  gateway_page,  ///< 400 or 404 whose content is no JSON: hardly the API's word, but of something before it
};

/// How a fetch ended. Immutable once shared by those who waited for it.
struct FetchOutcome {
  /// The upstream's answer, or the stored response that a 304 has confirmed. Null if there is none.
  caching::StoredResponsePtr response;
  /// Whether `response` may go into the store; after CacheUpdater::keep, whether it has. On report and
  /// metadata routes the content of a response that is too_large is FetchResult::content, and `response` has
  /// no body.
  caching::Storing storing = caching::Storing::no_answer;
  AnswerKind kind = AnswerKind::other;
  /// The responses that go into the store, mostly one: `response`; on http routes without what others must
  /// not see, and with its index.
  boost::container::small_vector<caching::StoredResponsePtr, 1> to_store;
  /// Targets on http routes that this answer makes invalid (RFC 9111, section 4.4).
  std::vector<caching::Key> invalidated;
  bool of_fleet = false;         ///< another instance of the fleet has fetched it
  bool was_there = false;        ///< and that before it was asked for here
  bool restates = false;         ///< the answer changes what had been given out of a range that had ended
  unsigned upstream_status = 0;  ///< 0 if no answer came
  std::optional<upstream::UpstreamFailure> failure;  ///< set exactly where `response` is null

  [[nodiscard]] bool stored() const { return storing == caching::Storing::stored; }
  [[nodiscard]] bool too_large() const { return storing == caching::Storing::too_large; }
};

/// Judges an upstream answer: what becomes of it and for how long it may be kept. Pure.
/// A 304 without a stored response is upstream_invalid_response. A 400 or 404 is not kept in the place of a
/// report that may still stand in: a token in doubt or a gateway may have brought it, and it lasts a minute.
/// @param result  is taken apart
[[nodiscard]] FetchOutcome judge(const FetchRequest& request, upstream::UpstreamResult&& result);

/// Whether a stored response is the better answer, while it may stand in: there is no answer; its status is
/// an error (RFC 5861, section 4, and 429: the shared limit is spent); it is a success or a redirect, but no
/// report; or it is a gateway's page.
[[nodiscard]] bool gives_way(const FetchOutcome& outcome);

}  // namespace roktcached::proxy
