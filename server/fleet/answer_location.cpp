#include "server/fleet/answer_location.h"

namespace roktcached::fleet {

namespace {

constexpr std::int64_t us_in_ms = 1000;
/// The year 10000: a later time is none.
constexpr std::int64_t latest_unix_ms = 253'402'300'800'000;

std::optional<WallTime> time_at(const EngineReply& reply, std::size_t index) {
  const std::int64_t ms = reply.number_at(index);
  return ms > 0 && ms < latest_unix_ms ? std::optional(wall_time_from_unix_ms(ms)) : std::nullopt;
}

}  // namespace

AnswerLocation location_of(const EngineReply& entry, const EngineReply& flight, const std::string& owner,
                           WallTime now) {
  AnswerLocation location{
      .together = true, .fetched_at = time_at(entry, 0), .fresh_until = time_at(entry, 1)};
  // A lease that has ended is anybody's.
  if (flight.text_at(0).empty() || flight.number_at(1) / us_in_ms <= unix_ms(now)) return location;
  location.under_way =
      flight.text_at(0) == owner ? AnswerLocation::Fetched::here : AnswerLocation::Fetched::elsewhere;
  return location;
}

boost::asio::awaitable<AnswerLocation> locate(EngineClient& engine, const Crew& crew, const caching::Key& key,
                                              const std::string& owner, WallTime now) {
  const std::string name = crew.names.of(key.text());
  const auto entry = co_await engine.ask(words("HMGET", crew.prefix + "e:" + name, "fetched", "fresh"));
  const auto flight = co_await engine.ask(words("HMGET", crew.prefix + "f:" + name, "owner", "until"));
  using Kind = EngineReply::Kind;
  if (!entry || !flight || entry->kind != Kind::list || flight->kind != Kind::list)
    co_return AnswerLocation();
  co_return location_of(*entry, *flight, owner, now);
}

}  // namespace roktcached::fleet
