#include "server/inbound/clients/authenticator.h"

#include <algorithm>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <new>
#include <optional>
#include <utility>

#include "server/asio.h"
#include "server/inbound/clients/scrypt.h"

namespace roktcached::inbound {

struct Authenticator::Job {
  Digest digest;
  Presented::Kind kind;
  config::Secret text;
  WallTime asked_at;
  std::vector<Done> waiting;
};

namespace {

Error overloaded() {
  return {.code = ErrorCode::overloaded,
          .source = ErrorSource::inbound,
          .retryable = true,
          .context = "too many secrets wait to be checked"};
}

/// A hash that no secret has, as dear to check as those of the clients.
std::optional<config::SecretHash> hash_of_nobody(const std::vector<config::Client>& clients) {
  const auto first =
      std::ranges::find_if(clients, [](const config::Client& one) { return one.secret_hash.has_value(); });
  if (first == clients.end()) return std::nullopt;
  config::SecretHash hash = *first->secret_hash;
  hash.salt = random_bytes(hash.salt.size());
  hash.hash = random_bytes(hash.hash.size());
  return hash;
}

}  // namespace

Error unauthenticated() {
  return {.code = ErrorCode::unauthenticated,
          .source = ErrorSource::inbound,
          .retryable = false,
          .context =
              "accepted: a client's secret in X-API-Key, its name and secret in Authorization: Basic, "
              "or a token from POST /auth/oauth2/token in Authorization: Bearer"};
}

Authenticator::Authenticator(const std::vector<config::Client>& clients, const LocalTokens& tokens)
    : clients_(clients), tokens_(tokens), digest_key_(random_bytes(32)), nobody_(hash_of_nobody(clients)) {}

Authenticator::~Authenticator() {
  stop();
}

void Authenticator::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  scrypt_thread_.stop();
  scrypt_thread_.join();
  std::map<Digest, std::shared_ptr<Job>> left;
  {
    const std::lock_guard lock(mutex_);
    left.swap(jobs_);
  }
  for (const auto& [digest, job] : left) {
    // The thread's queue keeps the job as long as it lives itself; those who wait must not be kept with it.
    for (const Done& done : std::exchange(job->waiting, {})) done(overloaded());
  }
}

void Authenticator::look_into(const Digest& digest, const Presented& shown, WallTime now, Done done) {
  std::shared_ptr<Job> job;
  std::optional<Result<Verdict>> known;
  {
    const std::lock_guard lock(mutex_);
    const auto under_way = jobs_.find(digest);
    if (const auto remembered = memory_.recall(digest, now)) {
      known = *remembered;
    } else if (stopped_ || (under_way == jobs_.end() && jobs_.size() >= max_queued)) {
      known = overloaded();
    } else if (under_way != jobs_.end()) {
      under_way->second->waiting.push_back(std::move(done));
      return;
    } else {
      job = std::make_shared<Job>(Job{digest, shown.kind, config::Secret(std::string(shown.text)), now, {}});
      job->waiting.push_back(std::move(done));
      jobs_.emplace(digest, job);
    }
  }
  if (known) return done(*known);
  asio::post(scrypt_thread_, [this, job] { work_on(job); });
}

asio::awaitable<Result<Verdict>> Authenticator::look_into(Digest digest, Presented shown, WallTime now) {
  const auto begin = [this, digest, shown, now](auto handler) {
    // std::function, which takes what can be copied, has to carry it.
    auto carried = std::make_shared<decltype(handler)>(std::move(handler));
    auto work = asio::make_work_guard(asio::get_associated_executor(*carried));
    look_into(digest, shown, now, [carried, work](const Result<Verdict>& found) {
      asio::post(work.get_executor(), [carried, found] { std::move (*carried)(found); });
    });
  };
  return asio::async_initiate<const asio::use_awaitable_t<>, void(Result<Verdict>)>(begin,
                                                                                    asio::use_awaitable);
}

void Authenticator::work_on(const std::shared_ptr<Job>& job) {
  const Result<Verdict> found = judge({job->kind, job->text.reveal()});
  std::vector<Done> waiting;
  {
    const std::lock_guard lock(mutex_);
    jobs_.erase(job->digest);
    waiting.swap(job->waiting);
    if (found && found->client) {
      memory_.remember(job->digest, *found->client, VerdictMemory::for_ever);
    } else if (found) {
      memory_.remember_nobody(job->digest, job->asked_at);
    }
  }
  for (const Done& done : waiting) done(found);
}

Result<Verdict> Authenticator::judge(const Presented& shown) {
  if (!nobody_) return Verdict{};
  try {
    if (shown.kind == Presented::Kind::basic) {
      const auto text = decode_basic(shown.text);
      const auto pair = text ? split_pair(text->reveal()) : std::nullopt;
      return pair ? judge_pair(*pair) : Verdict{};
    }
    const auto pair = split_pair(shown.text);
    return pair ? judge_pair(*pair) : judge_secret(shown.text);
  } catch (const std::bad_alloc&) {
    return overloaded();
  }
}

Verdict Authenticator::judge_pair(const Pair& pair) {
  const auto named = std::ranges::find(clients_, pair.name, &config::Client::name);
  const bool has_secret = named != clients_.end() && named->secret_hash;
  const bool right = is_secret_of(has_secret ? *named->secret_hash : *nobody_, pair.secret);
  if (!has_secret || !right) return {};
  return {static_cast<std::size_t>(named - clients_.begin())};
}

/// Asks every client, even behind the one whose secret it is: which one that is must not show in the time.
Verdict Authenticator::judge_secret(std::string_view secret) {
  Verdict verdict;
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    if (!clients_[i].secret_hash) continue;
    const bool right = is_secret_of(*clients_[i].secret_hash, secret);
    if (right && verdict.is_nobody()) verdict.client = i;
  }
  return verdict;
}

bool Authenticator::is_secret_of(const config::SecretHash& hash, std::string_view secret) {
  scrypts_.fetch_add(1, std::memory_order_relaxed);
  return matches(hash, secret);
}

std::optional<Verdict> Gate::recall(const Presented& shown, WallTime now) {
  using Kind = Presented::Kind;
  if (shown.kind == Kind::nothing || shown.kind == Kind::other) return Verdict{};
  const Digest digest = digest_of(shown, hmac_);
  if (auto known = memory_.recall(digest, now)) return known;
  if (shown.kind != Kind::local_token) return std::nullopt;
  const auto bearer = authenticator_.tokens_.verify(shown.text, now);
  if (!bearer) return Verdict{};
  memory_.remember(digest, bearer->client, bearer->expires_at);
  return Verdict{bearer->client};
}

asio::awaitable<Result<Verdict>> Gate::verify(Presented shown, WallTime now) {
  std::optional<Verdict> verdict = recall(shown, now);
  if (!verdict) {
    const Digest digest = digest_of(shown, hmac_);
    const Result<Verdict> found = co_await authenticator_.look_into(digest, shown, now);
    if (!found) co_return found.error();
    verdict = *found;
    if (verdict->client) {
      memory_.remember(digest, *verdict->client, VerdictMemory::for_ever);
    } else {
      memory_.remember_nobody(digest, now);
    }
  }
  if (verdict->is_nobody()) co_return unauthenticated();
  co_return *verdict;
}

}  // namespace roktcached::inbound
