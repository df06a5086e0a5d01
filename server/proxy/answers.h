#pragma once

#include <boost/asio/awaitable.hpp>

#include "core/caching/freshness.h"
#include "core/caching/stored_response.h"
#include "core/http/cache_status.h"
#include "core/rokt/routes.h"
#include "core/time.h"
#include "server/http/message.h"
#include "server/proxy/fetch/fetch_table.h"
#include "server/proxy/report/fetch_outcome.h"
#include "server/upstream/growing_answer.h"

namespace roktcached::proxy {

/// Makes the answer of a response from the store or from a fetch: the upstream's status, end-to-end fields
/// and bytes, with ETag, Date (of the fetch), Cache-Control, Vary, Cache-Status and Report-State of our own.
/// A client that prefers gzip (http::prefers_gzip) gets the gzip form, if there is one. 304 if the request's
/// If-None-Match, or without one its If-Modified-Since, says that the client has it (RFC 9110, sections
/// 13.1.2 and 13.1.3). Pure.
/// @param answer    as new
/// @param with_age  true for a response from the store (RFC 9111, section 5.1)
void answer_with(http::Answer& answer, const http::Request& request,
                 const caching::StoredResponsePtr& response, const http::CacheStatus& status, bool with_age,
                 const caching::FreshnessPolicy& policy, WallTime now);

/// Gives the answer of an outcome that is too_large its content, which comes in pieces. A HEAD and a 304 get
/// none.
void put_large_content(http::Answer& answer, const http::Request& request, GrowingAnswer::ReaderPtr content);

/// Turns a response on an http route into an answer: the upstream's status, fields and bytes, with Age and
/// Cache-Status of our own; 304 where the request's conditions allow it, 206 or 416 where it asks for a range
/// of a whole response (RFC 9110, sections 13 and 14). Pure.
[[nodiscard]] http::Answer answer_http_with(const http::Request& request,
                                            const caching::StoredResponsePtr& response,
                                            const http::CacheStatus& status, bool with_age, WallTime now);

/// Passes on an answer that comes in pieces; 304 if the request's conditions allow it. It is not known yet
/// whether the answer is stored, and Cache-Status does not say.
[[nodiscard]] http::Answer answer_streamed(const http::Request& request, upstream::AnswerHead head,
                                           GrowingAnswer::ReaderPtr content, const http::CacheStatus& status,
                                           WallTime now);

/// An answer that is there already, for a caller that awaits one.
[[nodiscard]] boost::asio::awaitable<http::Answer> at_once(http::Answer answer);

/// The answer if no response could be had, with the reason.
[[nodiscard]] http::Answer failure_answer(const http::Request& request,
                                          const upstream::UpstreamFailure& failure, http::Forward reason);

/// The answer to only-if-cached if nothing usable is stored (RFC 9111, section 5.2.1.7).
[[nodiscard]] http::Answer not_in_cache(const http::Request& request);

/// The answer to a client that has gone: nobody gets it, and the access log tells why.
[[nodiscard]] http::Answer client_gone(const http::Request& request);

/// The reason why an answer is not stored, as Cache-Status and the access line say it; empty: it is stored.
[[nodiscard]] std::string_view not_stored(const FetchOutcome& outcome);

/// Cache-Status of an answer that a fetch brought.
[[nodiscard]] http::CacheStatus status_of(const FetchResult& result, http::Forward reason, WallTime now);

/// How the access log calls an answer that a fetch brought.
[[nodiscard]] http::CacheOutcome outcome_of(const FetchResult& result);

/// Adds to `answer` what the access log is to say of it.
void add_notes(http::Answer& answer, http::CacheOutcome outcome, const rokt::Route& route,
               const caching::Key& key);
/// `answer` with what the access log is to say of it.
[[nodiscard]] http::Answer note(http::Answer answer, http::CacheOutcome outcome, const rokt::Route& route,
                                const caching::Key& key);

/// The answer to `POST /auth/oauth2/token` (RFC 6749, sections 4.4 and 5): a token that any Rokt client can
/// carry and that is good here alone, since the shared one never leaves the process. Errors are RFC 6749's.
[[nodiscard]] http::Answer answer_token_request(const http::Request& request);

/// Passes an upstream answer on: status and end-to-end fields as they came, without Set-Cookie; the content
/// is the caller's to add.
[[nodiscard]] http::Answer answer_passed(unsigned status, const http::Fields& fields);

}  // namespace roktcached::proxy
