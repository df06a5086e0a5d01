// How the running daemon takes other settings: made on a thread that may wait for files, then handed to each
// thread that uses them, all at once. SIGHUP comes in at Daemon::await_hangup (daemon.cpp), POST /reload at
// the admin listener; Reloads::request lets one reload follow the other, and calls Daemon::reload below.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <tuple>
#include <utility>

#include "config/changes.h"
#include "config/credentials.h"
#include "server/access/token_key.h"
#include "server/background.h"
#include "server/client_thread.h"
#include "server/daemon.h"
#include "server/log_event.h"
#include "server/logging.h"
#include "server/net/tls_context.h"
#include "server/settings_check.h"

namespace roktcached {

namespace asio = boost::asio;

/// All that is to be put in force: nothing after it can fail, but for memory, which is waited for.
struct Daemon::NewSettings {
  RuntimePtr runtime;
  std::vector<ThreadRuntimePtr> threads;              // of each client thread
  std::shared_ptr<asio::ssl::context> tls = nullptr;  // null: no address has TLS
  std::shared_ptr<asio::ssl::context> health_tls = nullptr;
  config::Changes changes;
  std::vector<std::string> warnings;
};

namespace {

/// So short that a string of it needs no memory.
constexpr const char* no_memory = "out of memory";
constexpr const char* reloading = "reading the settings again";

/// A list of keys for the log: "a, b".
std::string listed(const std::vector<std::string>& keys) {
  return fmt::format("{}", fmt::join(keys, ", "));
}

void say(const ReloadResult& result) {
  if (!result.succeeded()) {
    std::string one_line = result.error;
    std::ranges::replace(one_line, '\n', ' ');
    return log_event(spdlog::level::err, "reload-failed", "reload: {}; the settings in force stay in force",
                     one_line)
        .with("error", one_line)
        .log();
  }
  const std::string changed = result.changed.empty() ? "nothing" : listed(result.changed);
  log_event(spdlog::level::info, "reloaded",
            "reload: settings, secrets and certificates are read again; changed: {}", changed)
      .with("changed", changed)
      .log();
  if (const std::string kept = listed(result.needs_restart); !kept.empty())
    log_event(spdlog::level::warn, "restart-needed", "reload: changed, but needs a restart: {}", kept)
        .with("keys", kept)
        .log();
}

}  // namespace

Result<void> Daemon::read_token_key(const config::Settings& settings) {
  const std::string& file = settings.listen.token_key_file;
  if (settings.clients.empty() || (token_key_ && token_key_of_ == file)) return {};
  if (file.empty()) {
    token_key_ = access::random_token_key();
    LogEvent(spdlog::level::info, "token-key-made",
             "local tokens end with this process: there is no listen.token_key_file")
        .log();
  } else {
    auto key = access::load_or_make_token_key(file);
    if (!key) return key.error();
    token_key_ = std::move(*key);
  }
  token_key_of_ = file;
  return {};
}

void Daemon::reload(Reloads::Done when_done) {
  if (!is_draining_) manager_.reloading();
  // The service manager is told first: a caller that waits may ask for the next reload.
  const Reloads::Done done = [this, when_done = std::move(when_done)](ReloadResult result) {
    if (!is_draining_) manager_.ready();
    when_done(std::move(result));
    if (!is_draining_) tell_status();
  };
  // Before anything can fail: a reload has an end, whatever happens.
  const auto made = std::make_shared<Result<NewSettings>>(Error{ErrorCode::internal, true, no_memory});
  const auto refused = [made, done] {
    ReloadResult result{.error = no_memory};
    try {
      result.error = made->error().context;
      say(result);
    } catch (...) {  // then less is said of it
    }
    done(std::move(result));
  };
  const auto back_on_main_thread = [this, made, done, refused] {
    if (!*made) return refused();
    try {
      put_in_force(std::move(**made), done);
    } catch (...) {
      log_failure(reloading, std::current_exception());
      *made = Error{ErrorCode::internal, true, no_memory};
      refused();
    }
  };
  asio::post(files_.executor(),
             [this, made, in_force = runtime_, threads = thread_runtimes_, back_on_main_thread] {
               try {
                 *made = make_new(*in_force, threads);
               } catch (...) {
                 log_failure(reloading, std::current_exception());
               }
               post_with_retry(main_context_, back_on_main_thread);
             });
}

std::shared_ptr<access::ClientRegistry> Daemon::make_registry(const config::Settings& settings,
                                                              access::ClientRegistry* before) const {
  if (settings.clients.empty()) return nullptr;
  return std::make_shared<access::ClientRegistry>(settings.clients, *token_key_, before, clock_.steady_now());
}

/// Keeps a registry for as long as a request is served under it. Its thread is joined on a thread that serves
/// nobody.
void Daemon::keep_registry(const std::shared_ptr<access::ClientRegistry>& registry) {
  if (registry && std::ranges::find(registries_, registry) == registries_.end())
    registries_.push_back(registry);
  free_registries();
}

void Daemon::free_registries() {
  for (auto registry = registries_.begin(); registry != registries_.end();) {
    if (registry->use_count() > 1) {
      ++registry;
      continue;
    }
    post_with_retry(files_.executor(), [unused = std::move(*registry)] {});
    registry = registries_.erase(registry);
  }
}

/// On the thread that reads files, which may be slow; one at a time.
Result<Daemon::NewSettings> Daemon::make_new(const Runtime& in_force,
                                             const std::vector<ThreadRuntimePtr>& threads) {
  auto loaded = load_();
  if (!loaded) return loaded.error();
  config::Settings& settings = *loaded;
  NewSettings made;
  auto warnings = check_settings(settings, Secrets::read);
  if (!warnings) return warnings.error();
  made.warnings = std::move(*warnings);
  made.changes = config::keep_what_cannot_change(in_force.settings, settings);
  if (const auto fits = config::check_kept(settings); !fits) {
    Error error = fits.error();
    if (!made.changes.needs_restart.empty())
      error.context +=
          fmt::format("\n(with {} as it is until a restart)", listed(made.changes.needs_restart));
    return error;
  }
  for (const auto& [section, tls, into] :
       {std::tuple("listen.tls", &settings.listen.tls, &made.tls),
        std::tuple("health.tls", &settings.health.tls, &made.health_tls)}) {
    if (tls->addresses.empty()) continue;
    auto context = net::make_tls_context(*tls, net::PrivateKey::read, section);
    if (!context) return context.error();
    *into = std::move(*context);
  }
  const bool same_key = in_force.settings.listen.token_key_file == settings.listen.token_key_file;
  if (const auto read = read_token_key(settings); !read) return read.error();
  const bool same_clients = in_force.clients && same_key && in_force.clients->clients == settings.clients;
  auto clients = same_clients ? in_force.clients : make_registry(settings, in_force.clients.get());
  made.runtime = std::make_shared<const Runtime>(std::move(settings), clients, in_force.number + 1);
  for (const ThreadRuntimePtr& before : threads) {
    // An authenticator remembers who has shown what: it stays where that holds.
    auto authenticator = same_clients ? before->authenticator : nullptr;
    if (clients && !authenticator) authenticator = std::make_shared<access::Authenticator>(*clients, clock_);
    made.threads.push_back(
        std::make_shared<const ThreadRuntime>(ThreadRuntime{made.runtime, std::move(authenticator)}));
  }
  return made;
}

/// On the main thread. Each thread changes over between two of its requests, and the reload is done when all
/// have. The steps that may fail come first.
void Daemon::put_in_force(NewSettings made, const Reloads::Done& done) {
  const config::Settings& settings = made.runtime->settings;
  ReloadResult result{
      .error = {}, .changed = made.changes.taken, .needs_restart = made.changes.needs_restart};
  const auto left = std::make_shared<std::size_t>(client_threads_.size() + 1);
  const auto one_has = [this, left, done, result = std::make_shared<const ReloadResult>(std::move(result))] {
    post_with_retry(main_context_, [this, left, done, result] {
      if (--*left > 0) return;
      free_registries();
      ReloadResult told;
      try {
        say(*result);
        told = *result;
      } catch (...) {  // then less is said of it
      }
      done(std::move(told));
    });
  };
  session::Limits admin_limits = limits_of_admin(settings, made.runtime->number);
  session::Limits health_limits = of_health(admin_limits);
  keep_registry(made.runtime->clients);

  make_ready_for(settings, made.warnings);
  admin_limits_ = std::move(admin_limits);
  admin_contexts_.free_all();
  health_limits_ = std::move(health_limits);
  health_contexts_.free_all();
  change_logging(settings.log);
  connections_.set_max(settings.listen.max_connections);
  if (made.tls) listeners_->renew(made.tls);
  if (made.health_tls) health_listeners_->renew(made.health_tls);
  runtime_ = made.runtime;
  thread_runtimes_.swap(made.threads);
  for (std::size_t i = 0; i < client_threads_.size(); ++i) {
    post_with_retry(client_threads_[i]->context,
                    [&thread = *client_threads_[i], next = thread_runtimes_[i], one_has] {
                      retry_until_done("taking other settings", [&] { thread.begin_under(next); });
                      one_has();
                    });
  }
  post_with_retry(upstream_context_,
                  [this, runtime = made.runtime, changed = !made.changes.taken.empty(), one_has] {
                    retry_until_done("taking other settings", [&] {
                      const config::Settings& wanted = runtime->settings;
                      upstream_client_->change(wanted.upstream,
                                               config::with_budgets_of_one(wanted.credentials, wanted.fleet));
                      if (fleet_) fleet_->change(wanted.credentials);
                      if (changed) fetches_->change(runtime->settings.upstream.max_response, runtime->number);
                      warming_->change(runtime);
                    });
                    one_has();
                  });
}

}  // namespace roktcached
