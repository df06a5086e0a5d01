#include "server/fleet/shared_answer.h"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

#include "config/secret.h"
#include "server/fleet/serialization.h"

namespace roktcached::fleet {

using std::chrono::milliseconds;

namespace {

constexpr char version = 1;
constexpr char kind_of_response = 'R';
constexpr char kind_of_failure = 'F';
constexpr char kind_of_purge = 'P';
constexpr char kind_of_token = 'T';

constexpr std::size_t worth_compressing = 1024;
/// Others wait for it: a higher level takes longer than the octets that it saves take on the way.
constexpr int compression_level = 1;
constexpr std::size_t context_max = 1024;
constexpr std::uint64_t status_max = 999;
constexpr std::uint64_t longest_wait_ms = std::uint64_t{366} * 24 * 3600 * 1000;
constexpr std::uint64_t any_number = std::numeric_limits<std::uint64_t>::max();

Error damaged(std::string_view what) {
  return {.code = ErrorCode::storage_corrupt,
          .context = "what another instance shares cannot be read: " + std::string(what)};
}

enum class Coding : std::uint8_t { identity = 0, zstd = 1 };

void write_body(Serializer& out, std::string_view body) {
  std::unique_ptr<char[]> compressed;
  std::string_view bytes = body;
  if (body.size() > worth_compressing) {
    const std::size_t bound = ZSTD_compressBound(body.size());
    compressed = std::make_unique_for_overwrite<char[]>(bound);  // what is not written takes no memory
    const std::size_t size =
        ZSTD_compress(compressed.get(), bound, body.data(), body.size(), compression_level);
    if (ZSTD_isError(size) == 0 && size < body.size()) bytes = {compressed.get(), size};
  }
  const Coding coding = bytes.data() == body.data() ? Coding::identity : Coding::zstd;
  out.octet(static_cast<std::uint8_t>(coding)).number(body.size()).text(bytes);
}

/// Null if it is damaged, or longer than `max`.
caching::BodyPtr read_body(Deserializer& in, std::size_t max, storage::BodyAccount* bodies) {
  storage::BodyAccount::Growing room(bodies);  // it takes none: the octets are here already
  const std::uint8_t coding = in.octet();
  const auto size = static_cast<std::size_t>(in.number(max));
  const std::string_view bytes = in.text();
  if (coding == static_cast<std::uint8_t>(Coding::identity))
    return bytes.size() == size ? room.keep(std::string(bytes)) : nullptr;
  if (coding != static_cast<std::uint8_t>(Coding::zstd)) return nullptr;
  if (ZSTD_getFrameContentSize(bytes.data(), bytes.size()) != size) return nullptr;
  std::string body(size, '\0');
  const std::size_t decoded = ZSTD_decompress(body.data(), body.size(), bytes.data(), bytes.size());
  return decoded == size ? room.keep(std::move(body)) : nullptr;
}

void write_history(Serializer& out, const caching::Restated* history) {
  out.flag(history != nullptr);
  if (history != nullptr) out.number(history->times).time(history->at).text(history->moved);
}

std::shared_ptr<const caching::Restated> read_history(Deserializer& in) {
  if (!in.flag()) return nullptr;
  caching::Restated history;
  history.times = in.number(any_number);
  history.at = in.time();
  history.moved = in.text();
  return std::make_shared<const caching::Restated>(std::move(history));
}

/// In the order of their numbers on the way, which never changes: a new one comes last.
constexpr std::array error_codes = {ErrorCode::invalid_request,
                                    ErrorCode::unauthenticated,
                                    ErrorCode::invalid_token,
                                    ErrorCode::forbidden,
                                    ErrorCode::account_not_allowed,
                                    ErrorCode::unsupported_media_type,
                                    ErrorCode::unknown_route,
                                    ErrorCode::method_not_allowed,
                                    ErrorCode::not_acceptable,
                                    ErrorCode::content_too_large,
                                    ErrorCode::target_too_long,
                                    ErrorCode::fields_too_large,
                                    ErrorCode::unknown_host,
                                    ErrorCode::request_timeout,
                                    ErrorCode::expectation_failed,
                                    ErrorCode::client_quota_exceeded,
                                    ErrorCode::loop_detected,
                                    ErrorCode::client_gone,
                                    ErrorCode::not_in_cache,
                                    ErrorCode::upstream_unreachable,
                                    ErrorCode::upstream_invalid_response,
                                    ErrorCode::upstream_timeout,
                                    ErrorCode::token_unavailable,
                                    ErrorCode::upstream_budget_exhausted,
                                    ErrorCode::overloaded,
                                    ErrorCode::storage_unavailable,
                                    ErrorCode::storage_corrupt,
                                    ErrorCode::storage_outdated,
                                    ErrorCode::storage_full,
                                    ErrorCode::storage_in_use,
                                    ErrorCode::storage_locked,
                                    ErrorCode::configuration,
                                    ErrorCode::unavailable,
                                    ErrorCode::internal,
                                    ErrorCode::handed_over};
/// Earlier versions had more of them.
constexpr std::array error_sources = {ErrorSource::proxy, ErrorSource::admin,    ErrorSource::proxy,
                                      ErrorSource::proxy, ErrorSource::upstream, ErrorSource::proxy,
                                      ErrorSource::proxy};
static_assert(error_codes.size() == static_cast<std::size_t>(ErrorCode::internal) + 1, "each has a number");

template <class Values>
std::uint8_t number_in(const Values& values, typename Values::value_type value) {
  return static_cast<std::uint8_t>(std::ranges::find(values, value) - values.begin());
}

template <class Values>
typename Values::value_type value_at(const Values& values, Deserializer& in) {
  const std::uint8_t number = in.octet();
  if (number < values.size()) return values[number];
  in.fail();
  return values.front();
}

/// The first bytes of a text in UTF-8, and no part of a character.
std::string_view beginning_of(std::string_view text, std::size_t max) {
  if (text.size() <= max) return text;
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xc0U) == 0x80U) --max;
  return text.substr(0, max);
}

/// By numbers that never change.
enum class SelectedBy : std::uint8_t { everything = 0, key = 1, target = 2, route = 3, account = 4 };

struct SelectionWriter {
  Serializer& out;

  Serializer& by(SelectedBy what) const { return out.octet(static_cast<std::uint8_t>(what)); }
  void operator()(const caching::Everything&) const { by(SelectedBy::everything); }
  void operator()(const caching::WithKey& wanted) const {
    by(SelectedBy::key).number(wanted.hash.high).number(wanted.hash.low);
  }
  void operator()(const caching::WithTarget& wanted) const {
    by(SelectedBy::target).text(wanted.canonical).text(wanted.as_sent);
  }
  void operator()(const caching::OfRoute& wanted) const { by(SelectedBy::route).text(wanted.name); }
  void operator()(const caching::OfAccount& wanted) const {
    by(SelectedBy::account).text(wanted.account_id).optional_text(wanted.campaign_id);
  }
};

/// Everything where it is damaged, which `in` knows.
caching::Selection read_selection(Deserializer& in) {
  switch (static_cast<SelectedBy>(in.octet())) {
    case SelectedBy::everything:
      return caching::Everything{};
    case SelectedBy::key: {
      caching::WithKey wanted;
      wanted.hash.high = in.number(any_number);
      wanted.hash.low = in.number(any_number);
      return wanted;
    }
    case SelectedBy::target: {
      caching::WithTarget wanted;
      wanted.canonical = in.text();
      wanted.as_sent = in.text();
      return wanted;
    }
    case SelectedBy::route:
      return caching::OfRoute{std::string(in.text())};
    case SelectedBy::account: {
      caching::OfAccount wanted;
      wanted.account_id = in.text();
      wanted.campaign_id = in.optional_text();
      return wanted;
    }
  }
  in.fail();
  return caching::Everything{};
}

}  // namespace

std::string written(const caching::StoredResponse& response) {
  Serializer out(kind_of_response, version);
  out.text(response.key.text())
      .text(response.route)
      .text(response.account_id)
      .text(response.campaign_id)
      .number(response.status)
      .text(response.head)
      .text(response.entity_tag)
      .text(response.validator)
      .optional_time(response.range_end);
  write_history(out, response.restated.get());
  out.time(response.fetched_at)
      .time(response.fresh_until)
      .time(response.usable_until)
      .number(response.steady_refreshes);
  write_body(out, *response.body);
  return out.take();
}

Result<caching::StoredResponsePtr> read_response(std::string_view octets, std::size_t body_max,
                                                 storage::BodyAccount* bodies) {
  Deserializer in(octets, kind_of_response, version);
  caching::StoredResponse response;
  const caching::Key key(in.text());
  caching::Texts texts{.key = key,
                       .route = in.text(),
                       .account_id = in.text(),
                       .campaign_id = in.text(),
                       .head = {},
                       .entity_tag = {},
                       .validator = {}};
  response.status = static_cast<unsigned>(in.number(status_max));
  texts.head = in.text();
  texts.entity_tag = in.text();
  texts.validator = in.text();
  response.range_end = in.optional_time();
  response.restated = read_history(in);
  response.fetched_at = in.time();
  response.fresh_until = in.time();
  response.usable_until = in.time();
  response.steady_refreshes = static_cast<unsigned>(in.number(std::numeric_limits<unsigned>::max()));
  response.body = read_body(in, body_max, bodies);
  if (!in.complete() || !response.body) return damaged("an answer");
  response.date.make(response.fetched_at);  // before anybody shares it: later it takes a copy
  return caching::share(std::move(response), texts);
}

std::string written(const upstream::UpstreamFailure& failure) {
  Serializer out(kind_of_failure, version);
  out.octet(number_in(error_codes, failure.error.code))
      .octet(number_in(error_sources, failure.error.source))
      .flag(failure.error.retryable)
      .text(beginning_of(failure.error.context, context_max))
      .flag(failure.retry_after.has_value());
  if (failure.retry_after) {
    const auto longest = milliseconds{static_cast<milliseconds::rep>(longest_wait_ms)};
    out.number(
        static_cast<std::uint64_t>(std::clamp(*failure.retry_after, milliseconds{0}, longest).count()));
  }
  return out.take();
}

Result<upstream::UpstreamFailure> read_failure(std::string_view octets) {
  Deserializer in(octets, kind_of_failure, version);
  upstream::UpstreamFailure failure;
  failure.error.code = value_at(error_codes, in);
  failure.error.source = value_at(error_sources, in);
  failure.error.retryable = in.flag();
  const std::string_view context = in.text();
  if (context.size() > context_max) in.fail();
  if (in.flag())
    failure.retry_after = milliseconds{static_cast<milliseconds::rep>(in.number(longest_wait_ms))};
  // An error could also be taken for the beginning of a failure that was read.
  if (!in.complete())
    return Result<upstream::UpstreamFailure>(boost::system::in_place_error, damaged("a failure"));
  failure.error.context = context;
  return failure;
}

std::string written(const caching::Purge& purge) {
  Serializer out(kind_of_purge, version);
  out.flag(purge.kind == caching::PurgeKind::soft);
  std::visit(SelectionWriter{out}, purge.selection);
  return out.take();
}

Result<caching::Purge> read_purge(std::string_view octets) {
  Deserializer in(octets, kind_of_purge, version);
  caching::Purge purge;
  purge.kind = in.flag() ? caching::PurgeKind::soft : caching::PurgeKind::hard;
  purge.selection = read_selection(in);
  if (!in.complete()) return damaged("a purge");
  return purge;
}

std::string written(const upstream::Token& token) {
  constexpr std::size_t beside_the_value = 64;
  Serializer out(kind_of_token, version, token.value.reveal().size() + beside_the_value);
  out.text(token.value.reveal())
      .number(static_cast<std::uint64_t>(std::max(token.lifetime, milliseconds{0}).count()))
      .time(token.expires_at_wall);
  return out.take();
}

Result<upstream::TokenPtr> read_token(std::string_view octets, SteadyTime now, WallTime wall_now) {
  Deserializer in(octets, kind_of_token, version);
  const std::string_view value = in.text();
  const auto lifetime = milliseconds{static_cast<milliseconds::rep>(in.number(longest_wait_ms))};
  const WallTime expires_at_wall = in.time();
  const bool usable =
      !value.empty() && std::ranges::all_of(value, [](char c) { return c > 0x20 && c < 0x7f; });
  if (!in.complete() || !usable) return damaged("a token");
  upstream::Token token;
  token.value = config::Secret(std::string(value));
  token.lifetime = lifetime;
  token.expires_at = now + std::clamp(expires_at_wall - wall_now, milliseconds{0}, lifetime);
  token.minted_at = token.expires_at - lifetime;
  token.expires_at_wall = expires_at_wall;
  return std::make_shared<const upstream::Token>(std::move(token));
}

}  // namespace roktcached::fleet
