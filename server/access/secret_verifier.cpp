#include "server/access/secret_verifier.h"

#include <algorithm>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "server/access/scrypt.h"
#include "server/asio.h"
#include "server/background.h"

namespace roktcached::access {

namespace {

Error overloaded() {
  return {.code = ErrorCode::overloaded, .retryable = true, .context = "too many secrets wait to be checked"};
}

std::vector<std::size_t> those_with_secret(const std::vector<config::Client>& clients) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    if (clients[i].secret_hash) found.push_back(i);
  }
  return found;
}

/// A hash that no secret has, as dear to check as a client's.
config::SecretHash hash_of_nobody(config::SecretHash hash) {
  hash.salt = random_bytes(hash.salt.size());
  hash.hash = random_bytes(hash.hash.size());
  return hash;
}

}  // namespace

Error unauthenticated(const Presented& shown) {
  const bool by_token =
      shown.kind == Presented::Kind::local_token || shown.kind == Presented::Kind::foreign_token;
  return {.code = by_token ? ErrorCode::invalid_token : ErrorCode::unauthenticated,
          .context =
              "accepted: a client's secret in X-API-Key, its name and secret in Authorization: Basic, "
              "or a token from POST /auth/oauth2/token in Authorization: Bearer"};
}

SecretVerifier::SecretVerifier(const std::vector<config::Client>& clients, const LocalTokens& tokens,
                               const SecretVerifier* before)
    : clients_(clients),
      tokens_(tokens),
      digest_key_(before != nullptr ? before->digest_key_ : config::Secret(random_bytes(32))),
      with_secret_(those_with_secret(clients)),
      queue_(clients.size()) {
  if (!with_secret_.empty()) nobody_ = hash_of_nobody(*clients[with_secret_.front()].secret_hash);
}

SecretVerifier::~SecretVerifier() {
  stop();
}

void SecretVerifier::take_over(std::size_t client, SecretVerifier& before, std::size_t its_place) {
  if (digest_key_.reveal() != before.digest_key_.reveal()) return;
  const LockGuard lock(mutex_);
  const LockGuard earlier(before.mutex_);  // always the later object first: nobody waits for one that waits
  memory_.take_over(client, before.memory_, its_place);
}

void SecretVerifier::stop() {
  {
    const LockGuard lock(mutex_);
    stopped_ = true;
  }
  scrypt_thread_.join();  // what is still posted there finds stopped_, and does nothing
  Jobs left;
  {
    const LockGuard lock(mutex_);
    left.swap(jobs_);
  }
  for (const auto& [digest, job] : left) {
    for (const Done& done : job.waiting) done(overloaded());
  }
}

void SecretVerifier::look_into(const Digest& digest, const Presented& shown, WallTime now, Done done) {
  std::optional<Result<AuthenticationResult>> known;
  {
    const LockGuard lock(mutex_);
    known = recall_or_queue(digest, shown, now, done);
  }
  if (known) done(*known);
}

/// @return empty if `done`, which was moved from, waits
std::optional<Result<AuthenticationResult>> SecretVerifier::recall_or_queue(const Digest& digest,
                                                                            const Presented& shown,
                                                                            WallTime now, Done& done) {
  if (const auto remembered = memory_.recall(digest, now)) return *remembered;
  if (stopped_) return overloaded();
  if (const auto under_way = jobs_.find(digest); under_way != jobs_.end()) {
    under_way->second.waiting.push_back(std::move(done));
    return std::nullopt;
  }
  auto job = job_for(shown, now);
  if (!job) return AuthenticationResult{};
  return queue_job(digest, std::move(*job), done);
}

/// If memory fails on the way, nothing is queued.
std::optional<Result<AuthenticationResult>> SecretVerifier::queue_job(const Digest& digest, Job job,
                                                                      Done& done) {
  const ScryptQueue::Bucket bucket = job.bucket;
  job.waiting.reserve(1);
  const auto queued = jobs_.emplace(digest, std::move(job)).first;
  try {
    // First: a call that finds nothing in the queue does nothing.
    asio::post(scrypt_thread_.executor(), [this] { serve_next(); });
    if (queue_.push(bucket, digest)) {
      queued->second.waiting.push_back(std::move(done));
      return std::nullopt;
    }
  } catch (...) {
    jobs_.erase(queued);
    throw;
  }
  jobs_.erase(queued);
  return overloaded();
}

/// Empty if it is nobody's without a scrypt.
std::optional<SecretVerifier::Job> SecretVerifier::job_for(const Presented& shown, WallTime now) const {
  if (!nobody_) return std::nullopt;
  const bool basic = shown.kind == Presented::Kind::basic;
  auto text = basic ? decode_basic(shown.text) : config::Secret(std::string(shown.text));
  if (!text) return std::nullopt;
  const auto pair = split_pair(text->reveal());
  if (pair) return Job{bucket_of(pair->name), config::Secret(std::string(pair->secret)), now};
  if (basic) return std::nullopt;
  return Job{queue_.bare_keys(), std::move(*text), now};
}

ScryptQueue::Bucket SecretVerifier::bucket_of(std::string_view name) const {
  const auto named = std::ranges::find(clients_, name, &config::Client::name);
  if (named == clients_.end() || !named->secret_hash) return queue_.nobody();
  return static_cast<ScryptQueue::Bucket>(named - clients_.begin());
}

asio::awaitable<Result<AuthenticationResult>> SecretVerifier::look_into(Digest digest, Presented shown,
                                                                        WallTime now) {
  const auto begin = [this, digest, shown, now](auto handler) {
    // std::function, which takes what can be copied, has to carry it.
    auto carried = std::make_shared<decltype(handler)>(std::move(handler));
    auto work = asio::make_work_guard(asio::get_associated_executor(*carried));
    look_into(digest, shown, now, [carried, work](const Result<AuthenticationResult>& found) {
      asio::post(work.get_executor(), [carried, found] { std::move (*carried)(found); });
    });
  };
  return asio::async_initiate<const asio::use_awaitable_t<>, void(Result<AuthenticationResult>)>(
      begin, asio::use_awaitable);
}

/// On the scrypt thread, where each job has one such call posted as long as it waits. Which job a call is
/// for, the queue says: it may be another's.
void SecretVerifier::serve_next() {
  Jobs::iterator at_hand;
  {
    const LockGuard lock(mutex_);
    const auto next = stopped_ ? std::nullopt : queue_.next();
    if (!next) return;
    at_hand = jobs_.find(*next);
  }
  if (const auto found = ask_one(at_hand->second)) {
    finish(at_hand, *found);
  } else {
    post_with_retry(scrypt_thread_.executor(), [this] { serve_next(); });
  }
}

/// Makes one scrypt. A bare key is held against every client, even behind the one whose it is: which one that
/// is must not show in the time. Needs no mutex: the names of the queue's buckets never change.
/// @return empty if more clients are to be asked
std::optional<Result<AuthenticationResult>> SecretVerifier::ask_one(Job& job) {
  try {
    if (job.bucket == queue_.nobody()) {
      static_cast<void>(is_secret_of(*nobody_, job.secret.reveal()));  // costs as much as a client's name
      return AuthenticationResult{};
    }
    const bool bare = job.bucket == queue_.bare_keys();
    const std::size_t client = bare ? with_secret_[job.asked++] : job.bucket;
    const bool right = is_secret_of(*clients_[client].secret_hash, job.secret.reveal());
    if (right && job.result.is_nobody()) job.result.client = client;
    if (bare && job.asked < with_secret_.size()) return std::nullopt;
    return job.result;
  } catch (const std::bad_alloc&) {
    return overloaded();
  }
}

void SecretVerifier::finish(Jobs::iterator at_hand, const Result<AuthenticationResult>& found) {
  std::vector<Done> waiting;
  {
    const LockGuard lock(mutex_);
    auto& [digest, job] = *at_hand;
    waiting.swap(job.waiting);
    try {
      if (found && found->client) {
        memory_.remember(digest, *found->client, AuthenticationMemory::for_ever);
      } else if (found) {
        memory_.remember_nobody(digest, job.asked_at);
      }
    } catch (...) {  // then it is asked for again
      log_failure("remembering who showed a secret", std::current_exception());
    }
    queue_.done();
    jobs_.erase(at_hand);
  }
  for (const Done& done : waiting) retry_until_done("telling who showed a secret", [&] { done(found); });
}

bool SecretVerifier::is_secret_of(const config::SecretHash& hash, std::string_view secret) {
  scrypts_.fetch_add(1, std::memory_order_relaxed);
  return matches(hash, secret);
}

std::optional<AuthenticationResult> AuthenticationCache::recall(const Presented& shown, WallTime now) {
  using Kind = Presented::Kind;
  if (shown.kind == Kind::nothing || shown.kind == Kind::foreign_token || shown.kind == Kind::other)
    return AuthenticationResult{};
  const Digest digest = digest_of(shown, hmac_);
  if (auto known = memory_.recall(digest, now)) return known;
  if (shown.kind != Kind::local_token) return std::nullopt;
  const auto bearer = verifier_.tokens_.verify(shown.text, now);
  if (!bearer) return AuthenticationResult{};
  memory_.remember(digest, bearer->client, bearer->expires_at);
  return AuthenticationResult{bearer->client};
}

asio::awaitable<Result<AuthenticationResult>> AuthenticationCache::verify(Presented shown, WallTime now) {
  std::optional<AuthenticationResult> result = recall(shown, now);
  if (!result) {
    const Digest digest = digest_of(shown, hmac_);
    const Result<AuthenticationResult> found = co_await verifier_.look_into(digest, shown, now);
    if (!found) co_return found.error();
    result = *found;
    if (result->client) {
      memory_.remember(digest, *result->client, AuthenticationMemory::for_ever);
    } else {
      memory_.remember_nobody(digest, now);
    }
  }
  if (result->is_nobody()) co_return unauthenticated(shown);
  co_return *result;
}

}  // namespace roktcached::access
