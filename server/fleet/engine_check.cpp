#include "server/fleet/engine_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <charconv>
#include <cmath>
#include <exception>
#include <optional>
#include <utility>

#include "server/asio.h"
#include "server/fleet/engine_rights.h"

namespace roktcached::fleet {

using std::chrono::milliseconds;
using Weight = EngineFinding::Weight;

namespace {

constexpr milliseconds patience{2000};
constexpr milliseconds largest_skew{1000};
constexpr std::size_t largest_reply = std::size_t{1} << 20;
constexpr std::uint64_t oldest_major_version = 7;
/// Per cent of its memory from where an engine is nearly full.
constexpr std::uint64_t nearly_full = 90;

std::uint64_t leading_number(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// Whether a value can be shown: nobody knows what an engine says.
bool is_plain(std::string_view value) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyz0123456789.-";
  constexpr std::size_t longest = 32;
  return value.size() <= longest && value.find_first_not_of(allowed) == std::string_view::npos;
}

void take_field(EngineInfo& info, std::string_view name, std::string_view value) {
  if (!is_plain(value)) return;
  if (name == "redis_version") info.version = value;
  if (name == "server_name" && value == "valkey") info.name = "Valkey";
  if (name == "valkey_version") info.name = "Valkey";
  if (name == "maxmemory_policy") info.policy = value;
  if (name == "maxmemory") info.max_memory = leading_number(value);
  if (name == "used_memory") info.used_memory = leading_number(value);
  if (name == "redis_mode" && value == "cluster") info.is_cluster_node = true;
  if (name == "cluster_enabled" && value == "1") info.is_cluster_node = true;
  if (name == "role" && value == "slave") info.is_replica = true;
}

void add_of_memory(std::vector<EngineFinding>& findings, const EngineInfo& info) {
  if (info.policy.starts_with("allkeys")) {
    findings.push_back(
        {.text = "its maxmemory-policy is " + info.policy +
                 ", which may evict the budget, and every request waits then: set volatile-lru"});
  } else if (info.policy == "noeviction" && info.max_memory > 0) {
    findings.push_back({.text =
                            "its maxmemory-policy is noeviction: once it is full, no answer is stored any "
                            "more; set volatile-lru"});
  }
  if (info.policy.empty()) return;
  if (info.max_memory == 0) {
    findings.push_back({.text = "its maxmemory is 0: it grows without a bound; set maxmemory, and "
                                "maxmemory-policy volatile-lru"});
  } else if (info.used_memory / nearly_full * 100 > info.max_memory) {
    findings.push_back({.text = fmt::format("it uses {} of {} MiB, and evicts or refuses answers soon: raise "
                                            "maxmemory",
                                            info.used_memory >> 20U, info.max_memory >> 20U)});
  }
}

/// The finding about an engine that does not let an instance in, with what to do.
EngineFinding not_let_in(const std::string& why) {
  const auto has = [&why](std::string_view text) { return why.find(text) != std::string::npos; };
  if (has("NOAUTH")) return {Weight::refused, "it wants a password: set fleet.password_file (" + why + ")"};
  if (has("refuses to log in"))
    return {Weight::refused, why + "; correct fleet.username and fleet.password_file"};
  if (has("NOPERM")) return {Weight::refused, why + "; give its user +client|setname"};
  if (has("TLS:"))
    return {Weight::refused,
            why +
                "; see fleet.ca_file, whether the certificate names this host, and whether the "
                "engine asks for fleet.certificate_file"};
  if (has("use rediss://")) return {Weight::refused, why};
  return {Weight::unavailable, "it cannot be reached: " + why + "; start it, or correct fleet.url"};
}

class EngineCheck {
 public:
  EngineCheck(asio::io_context& context, const config::Fleet& settings, const Clock& clock)
      : address_(settings),
        clock_(clock),
        connection_(
            std::make_shared<EngineConnection>(context.get_executor(), address_, largest_reply, clock)) {}

  asio::awaitable<void> run() {
    const auto opened = co_await connection_->open(clock_.steady_now() + patience);
    if (!opened) {
      findings_.push_back(not_let_in(opened.error().context));
      co_return;
    }
    const auto skew = co_await measure_skew();
    std::vector<std::string_view> asking(std::begin(info_words), std::end(info_words));
    const auto answer = co_await call(std::move(asking));
    if (answer) {
      // If the engine does not allow the question, that is among the findings about rights.
      const EngineInfo info =
          answer->kind == EngineReply::Kind::text ? read_engine_info(answer->text) : EngineInfo();
      std::ranges::move(findings_of(info, skew), std::back_inserter(findings_));
    }
    const auto stays_alone = [](const EngineFinding& finding) { return finding.weight != Weight::warning; };
    if (std::ranges::none_of(findings_, stays_alone)) co_await try_rights();
    connection_->close("it has been looked at");
  }

  std::vector<EngineFinding> take() { return std::move(findings_); }

 private:
  /// @return empty if there is none in time, which is a finding
  asio::awaitable<std::optional<EngineReply>> call(std::vector<std::string_view> command) {
    auto reply = co_await connection_->call(engine_command(command), clock_.steady_now() + patience);
    if (reply) co_return std::optional<EngineReply>(std::move(*reply));
    findings_.push_back({Weight::unavailable, reply.error().context});
    co_return std::nullopt;
  }

  /// The engine has read its clock at about the mean of two readings of this machine's clock.
  asio::awaitable<milliseconds> measure_skew() {
    const WallTime before = clock_.wall_now();
    std::vector<std::string_view> asking{"TIME"};
    const auto reply = co_await call(std::move(asking));
    const WallTime after = clock_.wall_now();
    if (!reply || reply->items.size() != 2) co_return milliseconds{0};
    const WallTime theirs = wall_time_from_unix_ms(reply->number_at(0) * 1000 + reply->number_at(1) / 1000);
    co_return std::chrono::duration_cast<milliseconds>(theirs - (before + (after - before) / 2));
  }

  asio::awaitable<void> try_rights() {
    RightsTrial trial;
    for (const auto* command = trial.next(); command != nullptr; command = trial.next()) {
      std::vector<std::string_view> asking(command->begin(), command->end());
      const auto reply = co_await call(std::move(asking));
      if (!reply) co_return;
      trial.take(*reply);
    }
    const std::string user = address_.settings.username.empty() ? "default" : address_.settings.username;
    for (std::string& mistake : trial.mistakes(user))
      findings_.push_back({Weight::refused, std::move(mistake)});
  }

  EngineAddress address_;
  const Clock& clock_;
  const std::shared_ptr<EngineConnection> connection_;
  std::vector<EngineFinding> findings_;
};

}  // namespace

EngineInfo read_engine_info(std::string_view text) {
  EngineInfo info;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find_first_of("\r\n"));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto colon = line.find(':');
    if (colon != std::string_view::npos) take_field(info, line.substr(0, colon), line.substr(colon + 1));
  }
  return info;
}

std::vector<EngineFinding> findings_of(const EngineInfo& info, milliseconds skew) {
  std::vector<EngineFinding> findings;
  if (!info.version.empty() && leading_number(info.version) < oldest_major_version)
    findings.push_back({Weight::refused, "it is " + info.name + " " + info.version +
                                             ": Redis 7.0 or later is needed, or Valkey"});
  if (info.is_cluster_node)
    findings.push_back({Weight::refused,
                        "it is a node of a cluster, which is not spoken here: name a server that "
                        "stands alone, or is a primary"});
  if (info.is_replica) findings.push_back({Weight::refused, "it is a replica: name the primary"});
  add_of_memory(findings, info);
  if (std::chrono::abs(skew) > largest_skew)
    findings.push_back({.text = fmt::format("its clock is {:.1f} s {} this machine's: set both by NTP",
                                            std::abs(static_cast<double>(skew.count())) / 1e3,
                                            skew > milliseconds{0} ? "ahead of" : "behind")});
  return findings;
}

std::vector<EngineFinding> check_engine(const config::Fleet& settings, const Clock& clock) {
  asio::io_context context{1};
  EngineCheck check(context, settings, clock);
  std::exception_ptr failure;
  asio::co_spawn(context, check.run(), [&failure](const std::exception_ptr& thrown) { failure = thrown; });
  context.run();
  if (failure) std::rethrow_exception(failure);
  return check.take();
}

}  // namespace roktcached::fleet
