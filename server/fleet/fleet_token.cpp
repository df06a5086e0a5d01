#include "server/fleet/fleet_token.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <utility>

#include "server/asio.h"
#include "server/background.h"
#include "server/fleet/shared_answer.h"

namespace roktcached::fleet {

using std::chrono::milliseconds;
using upstream::FetchedToken;
using upstream::TokenPtr;

namespace {

constexpr milliseconds lease_of_mint{2000};
constexpr milliseconds until_mint_renewal{600};
/// A token is not taken in the last minute of its life.
constexpr std::chrono::seconds last_of_life{60};
/// For the mint of another: then an instance mints its own.
constexpr milliseconds longest_wait_for_mint{30000};
constexpr milliseconds shortest_wait{20};
constexpr std::chrono::days longest_life{365};

}  // namespace

FleetToken::FleetToken(asio::any_io_executor executor, Engine& engine, const Crew& crew, std::string owner,
                       const Clock& clock)
    : executor_(std::move(executor)),
      engine_(engine),
      crew_(crew),
      owner_(std::move(owner)),
      clock_(clock),
      event_(executor_) {}

std::string FleetToken::bound(std::string_view serial) const {
  return fmt::format("token|{}|{}", crew_.prefix, serial);
}

asio::awaitable<FetchedToken> FleetToken::fetch() {
  co_await engine_.settle();
  const SteadyTime until = clock_.steady_now() + longest_wait_for_mint;
  while (engine_.usable() && !stopped_ && clock_.steady_now() < until) {
    failure_.reset();
    const std::uint64_t heard = heard_;  // the log may be faster than the engine's answer
    const auto reply = co_await engine_.run(
        token_script, words(crew_.token_key, crew_.token_lease_key, crew_.token_fences_key),
        words(owner_, serial_, std::to_string(lease_of_mint.count())));
    if (!reply) break;
    const std::string_view kind = reply->text_at(0);
    if (kind == "mint") co_return co_await mint(std::string(reply->text_at(1)));
    if (kind == "token") {
      TokenPtr token = open(*reply);
      if (!token) break;
      serial_ = reply->text_at(1);
      ++taken_;
      co_return token;
    }
    if (kind != "minting") break;  // no answer that it could give
    event_.expires_at(clock_.steady_now() + std::max(reply->length_at(1, lease_of_mint), shortest_wait));
    if (heard_ == heard) co_await event_.async_wait(as_result);
    if (failure_) co_return *failure_;
  }
  serial_ = "0";
  if (stopped_) co_return upstream::TokenFailure{upstream::stopping(), std::nullopt, false};
  co_return co_await own_->fetch();
}

asio::awaitable<FetchedToken> FleetToken::mint(std::string serial) {
  struct Minting {  // until the endpoint has answered, or however else it ends
    Minting(std::string& of, const std::string& serial) : minting(of) { minting = serial; }
    ~Minting() { minting.clear(); }
    Minting(const Minting&) = delete;
    Minting& operator=(const Minting&) = delete;
    std::string& minting;
  };
  std::optional<Minting> minting(std::in_place, minting_, serial);
  asio::co_spawn(executor_, keep(serial), logging_failure("keeping the lease of a mint"));
  const FetchedToken fetched = co_await own_->fetch();
  minting.reset();
  std::string sealed;
  std::string why;
  milliseconds life{0};
  if (fetched) {
    serial_ = serial;
    const milliseconds left =
        std::chrono::duration_cast<milliseconds>((*fetched)->expires_at - clock_.steady_now());
    life = std::max<milliseconds>(left - std::min<milliseconds>(last_of_life, left / 2), milliseconds{1});
    sealed = crew_.tokens->seal(written(**fetched), bound(serial));
  } else {
    why = crew_.tokens->seal(
        written(upstream::UpstreamFailure{fetched.error().error, fetched.error().retry_after}),
        bound(serial));
  }
  const auto reply =
      co_await engine_.run(token_minted_script, words(crew_.token_key, crew_.token_lease_key, crew_.log_key),
                           words(std::move(serial), std::move(sealed), std::to_string(life.count()),
                                 std::string(log_length), std::move(why)));
  static_cast<void>(reply);  // the others mint their own, then
  co_return fetched;
}

/// Renews the lease while this instance mints, so that it may be a short one: of an instance that dies, the
/// others wait for no longer.
asio::awaitable<void> FleetToken::keep(std::string serial) {
  asio::steady_timer pause(executor_);
  while (true) {
    pause.expires_after(until_mint_renewal);
    co_await pause.async_wait(as_result);
    if (minting_ != serial || stopped_) co_return;
    const auto renewed = co_await engine_.run(token_renew_script, words(crew_.token_lease_key),
                                              words(serial, std::to_string(lease_of_mint.count())));
    if (renewed && renewed->text == "0") co_return;
  }
}

/// @return null if it cannot be opened: it is another secret's
TokenPtr FleetToken::open(const EngineReply& reply) {
  const auto text = crew_.tokens->open(reply.text_at(2), bound(reply.text_at(1)));
  if (!text) return nullptr;
  const SteadyTime now = clock_.steady_now();
  const auto read = read_token(*text, now, clock_.wall_now());
  if (!read) return nullptr;
  // Here it is as old as it is, and is renewed when the rest of its life is nearly over. The engine measures
  // that rest, whatever the clocks of two instances say.
  auto token = std::make_shared<upstream::Token>(**read);
  token->expires_at =
      std::min(token->expires_at, now + reply.length_at<milliseconds>(3, longest_life) + last_of_life);
  token->lifetime = std::chrono::duration_cast<milliseconds>(token->expires_at - now);
  token->of_fleet = true;
  return token->lifetime > milliseconds::zero() ? token : nullptr;
}

void FleetToken::take(const LogEntry& event) {
  ++heard_;
  if (event["k"] == "no-token") {
    const auto text = crew_.tokens->open(event["b"], bound(event["f"]));
    if (text) {
      const auto failure = read_failure(*text);
      if (failure) failure_ = upstream::TokenFailure{failure->error, failure->retry_after, false};
    }
  }
  event_.cancel();
}

}  // namespace roktcached::fleet
