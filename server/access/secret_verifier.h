#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "core/error.h"
#include "core/mutex.h"
#include "core/time.h"
#include "server/access/authentication_memory.h"
#include "server/access/hmac.h"
#include "server/access/local_tokens.h"
#include "server/access/presented.h"
#include "server/access/scrypt_queue.h"
#include "server/worker_pool.h"

namespace roktcached::access {

/// The error for a request that shows nothing valid: always the same words, whatever was wrong.
/// @return invalid_token if `shown` is a bearer token, else unauthenticated
[[nodiscard]] Error unauthenticated(const Presented& shown);

/// Finds out which client has shown a secret, for all threads together. Each secret costs one scrypt in a
/// process (a secret without a name: one for each client), on a thread of its own, so no hit ever waits for
/// it. The ScryptQueue decides whose scrypt is next. Results are remembered by a keyed digest; the secret
/// itself is kept only while it waits. Owned by the daemon; client threads use it through their
/// AuthenticationCache. Safe from any thread.
class SecretVerifier {
 public:
  /// Results that a memory keeps, of each kind.
  static constexpr std::size_t memory_capacity = 4096;

  /// @param clients, tokens  outlive this object
  /// @param before           whose results take_over() is to take; may be null
  SecretVerifier(const std::vector<config::Client>& clients, const LocalTokens& tokens,
                 const SecretVerifier* before = nullptr);
  /// Calls stop(). The execution contexts of those who wait must still be there.
  ~SecretVerifier();
  SecretVerifier(const SecretVerifier&) = delete;
  SecretVerifier& operator=(const SecretVerifier&) = delete;

  /// Waits for the scrypt that runs, begins no further one, and answers `overloaded` to all who wait and all
  /// who come.
  void stop();

  /// Takes over what `before` knows of its client `its_place`, for `client`, which has the same secret: no
  /// scrypt is made again. Takes nothing if this was not made with `before`.
  void take_over(std::size_t client, SecretVerifier& before, std::size_t its_place);

  /// How many scrypts were made.
  [[nodiscard]] std::uint64_t scrypts() const { return scrypts_.load(std::memory_order_relaxed); }

 private:
  friend class AuthenticationCache;
  using Done = std::function<void(const Result<AuthenticationResult>&)>;
  /// A secret that was shown, and who wants to know whose it is.
  struct Job {
    ScryptQueue::Bucket bucket;
    config::Secret secret;
    WallTime asked_at;
    std::vector<Done> waiting = {};
    std::size_t asked = 0;             ///< of a bare key: so many clients
    AuthenticationResult result = {};  ///< of the clients asked
  };
  using Jobs = std::map<Digest, Job>;

  /// Calls `done` once: here and now where the result is known, else later on the scrypt thread or in
  /// stop().
  void look_into(const Digest& digest, const Presented& shown, WallTime now, Done done);
  /// The same, awaited. Resumes on the caller's executor.
  boost::asio::awaitable<Result<AuthenticationResult>> look_into(Digest digest, Presented shown,
                                                                 WallTime now);
  [[nodiscard]] std::optional<Result<AuthenticationResult>> recall_or_queue(const Digest& digest,
                                                                            const Presented& shown,
                                                                            WallTime now, Done& done)
      REQUIRES(mutex_);
  [[nodiscard]] std::optional<Result<AuthenticationResult>> queue_job(const Digest& digest, Job job,
                                                                      Done& done) REQUIRES(mutex_);
  [[nodiscard]] std::optional<Job> job_for(const Presented& shown, WallTime now) const REQUIRES(mutex_);
  [[nodiscard]] ScryptQueue::Bucket bucket_of(std::string_view name) const REQUIRES(mutex_);
  void serve_next();
  [[nodiscard]] std::optional<Result<AuthenticationResult>> ask_one(Job& job) NO_THREAD_SAFETY_ANALYSIS;
  void finish(Jobs::iterator at_hand, const Result<AuthenticationResult>& found);
  [[nodiscard]] bool is_secret_of(const config::SecretHash& hash, std::string_view secret);

  const std::vector<config::Client>& clients_;
  const LocalTokens& tokens_;
  const config::Secret digest_key_;
  const std::vector<std::size_t> with_secret_;  ///< indices into the clients
  /// A hash to check unknown names against, so that they cost as much; empty if no client has a secret.
  std::optional<config::SecretHash> nobody_;
  std::atomic<std::uint64_t> scrypts_{0};
  Mutex mutex_;
  AuthenticationMemory memory_ GUARDED_BY(mutex_){memory_capacity};
  ScryptQueue queue_ GUARDED_BY(mutex_);
  /// The jobs in the queue. The scrypt thread uses its current job without the mutex, except the list of
  /// those who wait for it.
  Jobs jobs_ GUARDED_BY(mutex_);
  bool stopped_ GUARDED_BY(mutex_) = false;
  WorkerPool scrypt_thread_{1, "checking a secret"};  ///< last: its work uses all of the above
};

/// One client thread's memory of what the SecretVerifier has found out, which needs no lock. Owned by its
/// thread, and used on it alone.
class AuthenticationCache {
 public:
  /// @param verifier  outlives the cache
  explicit AuthenticationCache(SecretVerifier& verifier) : verifier_(verifier), hmac_(verifier.digest_key_) {}

  /// The result if it need not be waited for: it is remembered, or needs no scrypt. A request that shows
  /// nothing is nobody's.
  [[nodiscard]] std::optional<AuthenticationResult> recall(const Presented& shown, WallTime now);

  /// Waits for the result. Resumes on the caller's executor, which must be that of the cache's thread.
  /// @param shown  what it borrows lives until this returns
  /// @return a client; unauthenticated(shown) for nobody; overloaded if too many of its kind wait
  [[nodiscard]] boost::asio::awaitable<Result<AuthenticationResult>> verify(Presented shown, WallTime now);

 private:
  SecretVerifier& verifier_;
  Hmac hmac_;
  AuthenticationMemory memory_{SecretVerifier::memory_capacity};
};

}  // namespace roktcached::access
