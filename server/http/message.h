#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "config/settings.h"
#include "core/caching/key.h"
#include "core/caching/stored_response.h"
#include "core/error.h"
#include "core/http/fields.h"
#include "core/time.h"
#include "server/net/departure.h"

namespace roktcached {
struct Runtime;
}

namespace roktcached::http {

/// Takes the interim answers (RFC 9110, section 15.2) that a handler sends before its answer.
class InterimSink {
 public:
  virtual ~InterimSink() = default;
  /// Sends one, where the client's version of HTTP knows them; whether it arrives is of no consequence.
  [[nodiscard]] virtual boost::asio::awaitable<void> send_interim(unsigned status,
                                                                  const http::Fields& fields) = 0;
};

/// Some of the content of an answer.
struct ContentPiece {
  std::shared_ptr<const void> owner;  ///< of the bytes
  std::string_view bytes;             ///< never empty
};

/// Content that is not all there yet when its answer begins.
class ContentSource {
 public:
  /// The reader may end it early: it does not want the rest.
  virtual ~ContentSource() = default;
  /// The next piece; nothing at the end.
  /// @return an error where the content breaks off: the client must not take it for whole
  [[nodiscard]] virtual boost::asio::awaitable<Result<std::optional<ContentPiece>>> next() = 0;
};

/// A request as a handler sees it: read whole, its framing settled.
struct Request {
  std::string method;
  std::string target;
  http::Fields fields;
  std::string body;
  std::string id;      ///< for X-Request-Id: the client's, if it is a sane one, else made here
  std::string client;  ///< who calls: a client's name; where there are none, see caller_of
  std::optional<config::Secret> api_key;  ///< from the target, which no longer has it
  const config::Client* rules = nullptr;  ///< what the caller may; null: everything
  /// The settings that it is served under, to its end; null on the admin listener. The connection keeps them.
  const Runtime* runtime = nullptr;
  SteadyTime received_at;
  /// Answer with what is stored, as it is. Another form, such as CSV, is then made of that answer; the
  /// request's conditions and codings are meant for that form.
  bool as_stored = false;
  std::string_view protocol = "1.1";  ///< version of HTTP, "1.0" or "1.1"
  InterimSink* interim = nullptr;     ///< outlives the handling of the request
  /// The client's departure. Outlives the handling of the request and its answer's content. Null: nobody
  /// would notice.
  Departure* departure = nullptr;
  /// The findings of Handler::answer_now, for handle().
  std::shared_ptr<const void> found;

  /// Makes it as new, and keeps memory for the next one.
  void clear();
};

/// The outcome of a request, for the access log and the counters.
enum class CacheOutcome {
  hit,             ///< fresh, from the store
  refreshing_hit,  ///< stale, from the store, refreshed behind (stale-while-revalidate)
  miss,            ///< fetched for this request
  revalidated,     ///< the upstream said that what is stored still holds
  collapsed,       ///< shared a fetch that another request had started
  stale_if_error,  ///< from the store, because the fetch failed
  passed,          ///< a route that is not cached
  local,           ///< answered here, by nature
  refused,         ///< the request itself was not acceptable
  failed,          ///< no answer could be had
  not_json,        ///< a report or metadata was to come, and something else has: passed on, not stored
  too_large,       ///< larger than upstream.max_response: passed on as it comes, not stored
};
inline constexpr std::size_t outcome_count = 12;

[[nodiscard]] std::string_view to_string(CacheOutcome outcome);

/// Why an answer did not go out to its end.
enum class Cut {
  none,           ///< it did
  client_gone,    ///< the client has closed or lost the connection
  write_timeout,  ///< the client took nothing for as long as that
  write_rate,     ///< the client took less than the least rate
  upstream,       ///< the content broke off
  shutdown,       ///< the daemon ends
  overloaded,     ///< the client took nothing for a while, and another's answer needed the memory
};
inline constexpr std::size_t cut_count = 7;

/// "-" for none.
[[nodiscard]] std::string_view to_string(Cut cut);

/// The part of an answer that went out.
struct Written {
  std::size_t content_bytes = 0;  ///< without head and framing, and without what a cut has taken back
  Cut cut = Cut::none;
};

/// Notes for the access log, beyond request and answer.
struct AccessNotes {
  CacheOutcome outcome = CacheOutcome::local;
  std::string_view route;               ///< Route::name, of the table; empty if none matched
  std::optional<caching::KeyHash> key;  ///< empty if there is none
  /// Why the request went forward, see to_string(http::Forward), or the name of the problem that it was
  /// refused or has failed with; empty: neither.
  std::string_view reason;
  /// Why what was fetched is not stored, see caching::name_of; empty: it is, or nothing was fetched.
  std::string_view not_stored;
  std::optional<std::chrono::milliseconds> upstream;  ///< time spent waiting for the upstream
};

/// An answer ready to be framed. Content-Length, Connection, X-Request-Id, and Date where
/// there is none, are added by the connection.
struct Answer {
  unsigned status = 200;
  std::string head;  ///< field lines of this answer alone, "Name: value\r\n" each
  /// The response that the answer is made of, which owns `shared_head`; may be null.
  caching::StoredResponsePtr stored;
  std::string_view shared_head;  ///< further field lines
  caching::BodyPtr body;         ///< null: no content (204, 304)
  std::string_view part;  ///< of `body`, where not all of it is the content (206): no copy of it is made
  /// Set where the content comes in pieces; `body` is null then.
  std::shared_ptr<ContentSource> content;
  std::optional<std::uint64_t> content_length;  ///< of `content`, where it is known
  AccessNotes notes;

  /// The content that is here whole. @pre body
  [[nodiscard]] std::string_view whole_content() const { return part.empty() ? body->view() : part; }

  /// Makes it as new, and keeps memory for the next one.
  void clear();

  /// Appends a field line to `head`.
  Answer& field(std::string_view name, std::string_view value) {
    head.append(name).append(": ").append(value).append("\r\n");
    return *this;
  }
};

/// Answers requests. One object serves the connections of one thread and is called on that thread alone.
class Handler {
 public:
  virtual ~Handler() = default;
  /// Answers a request that needs no waiting: the way of every hit. Never throws for anything a client can
  /// send.
  /// @param answer  as new; filled in if true is returned
  /// @return false: handle() is to be called for the same request, and only then
  [[nodiscard]] virtual bool answer_now(Request& request, Answer& answer) = 0;
  /// Never throws for anything a client can send. `request` outlives the returned awaitable.
  [[nodiscard]] virtual boost::asio::awaitable<Answer> handle(const Request& request) = 0;
  /// The methods that a page of another origin may send to the request's target, with commas between
  /// (Access-Control-Allow-Methods; Fetch, section 3.3.3). For a preflight, which is answered before it is
  /// known who asks.
  [[nodiscard]] virtual std::string methods_at(const Request& /*preflight*/) const {
    return "GET, HEAD, POST";
  }
  /// Called once for every answer, after it was written or has failed to be.
  virtual void finished(const Request& request, const Answer& answer, const Written& written) = 0;
};

}  // namespace roktcached::http
