#include "server/fleet/engine_rights.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <random>
#include <utility>

#include "server/fleet/scripts.h"

namespace roktcached::fleet {

namespace {

/// In ms: the keys that are left over expire after this time.
constexpr std::string_view soon = "10000";
constexpr std::string_view ahead = "99999999999999";

/// The names of keys that are written: a string, a hash, a sorted set, a stream, and those of the
/// scripts.
constexpr std::string_view keys_written[] = {"s", "h", "z", "x",     "e",  "f",  "n",
                                             "p", "m", "a", "epoch", "fi", "log"};

std::string random_prefix() {
  std::random_device random;
  return fmt::format("rk1:{{check-{:08x}{:08x}}}:", random(), random());
}

Words script_words(const Script& script, const std::vector<std::string>& keys, Words arguments) {
  Words words{"EVAL", std::string(script.text), std::to_string(keys.size())};
  words.insert(words.end(), keys.begin(), keys.end());
  std::ranges::move(arguments, std::back_inserter(words));
  return words;
}

}  // namespace

RightsTrial::RightsTrial() : prefix_(random_prefix()) {
  add_commands();
  add_scripts();
  Words cleaning{"DEL"};
  for (const std::string_view name : keys_written) cleaning.push_back(key(name));
  steps_.push_back({"", std::move(cleaning)});
}

/// Each leaves nothing that does not expire, should a later one be refused.
void RightsTrial::add_commands() {
  const std::string s = key("s");
  const std::string h = key("h");
  const std::string z = key("z");
  const std::string x = key("x");
  const std::string expiry(soon);
  steps_ = {
      {"ping", {"PING"}},
      {"time", {"TIME"}},
      {"info", {"INFO", "memory"}},
      {"del", {"DEL", s}},
      {"pexpire", {"PEXPIRE", s, expiry}},
      {"set", {"SET", s, "1", "PX", expiry}},
      {"get", {"GET", s}},
      {"exists", {"EXISTS", s}},
      {"hset", {"HSET", h, "f", "1"}},
      {"pexpire", {"PEXPIRE", h, expiry}},
      {"hget", {"HGET", h, "f"}},
      {"hmget", {"HMGET", h, "f"}},
      {"hdel", {"HDEL", h, "another"}},
      {"zadd", {"ZADD", z, "1", "member"}},
      {"pexpire", {"PEXPIRE", z, expiry}},
      {"zrank", {"ZRANK", z, "member"}},
      {"zrem", {"ZREM", z, "another"}},
      {"zcard", {"ZCARD", z}},
      {"zcount", {"ZCOUNT", z, "-inf", "+inf"}},
      {"zrangebyscore", {"ZRANGEBYSCORE", z, "-inf", "+inf"}},
      {"xadd", {"XADD", x, "MAXLEN", "~", "10", "*", "k", "v"}},
      {"pexpire", {"PEXPIRE", x, expiry}},
      {"xread", {"XREAD", "COUNT", "1", "STREAMS", x, "0-0"}},
      {"xrange", {"XRANGE", x, "-", "+", "COUNT", "1"}},
      {"xrevrange", {"XREVRANGE", x, "+", "-", "COUNT", "1"}},
      {"xlen", {"XLEN", x}},
      {"xinfo|stream", {"XINFO", "STREAM", x}},
      {"eval", {"EVAL", "#!lua\nreturn 1", "0"}},
      // The hash of no script: an engine that allows the command answers that it does not know it.
      {"evalsha", {"EVALSHA", std::string(40, '0'), "0"}},
  };
}

void RightsTrial::add_scripts() {
  const std::string e = key("e");
  const std::string f = key("f");
  const std::string log = key("log");
  const std::vector<std::string> of_member{key("m"), key("a"), key("epoch"), key("p"), log};
  steps_.push_back({"", script_words(purge_script, {key("p")}, {"sealed", "1"})});
  steps_.push_back(
      {"", script_words(member_script, of_member, {"check", "id", "1000", "10000", "0-0", "0"})});
  steps_.push_back({"", script_words(flight_script, {e, f, key("n"), key("p"), key("fi")},
                                     {"check", "0", "1", "0", "2000", "0"})});
  // The fence is not the flight's: the first entry is written all the same.
  steps_.push_back({"", script_words(land_script, {e, f, log, key("fi")},
                                     {"1", "1", std::string(ahead), "0-0", std::string(soon), "sealed",
                                      "check", "10", "1024"})});
  steps_.push_back(
      {"", script_words(member_script, of_member, {"check", "id", "1000", "10000", "0-0", "1"})});
  for (const std::string_view name : keys_written)
    steps_.push_back({"", {"PEXPIRE", key(name), std::string(soon)}});
}

const Words* RightsTrial::next() {
  // A key that could be neither deleted nor left to expire is not written.
  const auto lacks = [this](std::string_view right) {
    return std::ranges::find(missing_, right) != missing_.end();
  };
  if (lacks("del") && lacks("pexpire")) return nullptr;
  // Scripts that lack a right stop half-way, and say less of it.
  while (at_ < steps_.size() && !missing_.empty() && steps_[at_].words.front() == "EVAL" &&
         steps_[at_].right.empty())
    ++at_;
  return at_ < steps_.size() ? &steps_[at_].words : nullptr;
}

void RightsTrial::take(const EngineReply& reply) {
  const Step& step = steps_[at_++];
  if (reply.kind != EngineReply::Kind::error || reply.is_error("NOSCRIPT")) return;
  const bool of_command = reply.text.find("command") != std::string::npos;
  if (reply.is_error("NOPERM") && !step.right.empty() && of_command) {
    if (std::ranges::find(missing_, step.right) == missing_.end()) missing_.push_back(step.right);
  } else if (reply.is_error("NOPERM") && !of_command) {
    keys_are_refused_ = true;
  } else if (!reply.is_error("NOPERM") && !reply.is_error("OOM") && refusal_.empty()) {
    refusal_ = reply.text;
  }
}

std::vector<std::string> RightsTrial::mistakes(std::string_view user) const {
  std::vector<std::string> lines;
  if (!missing_.empty())
    lines.push_back(fmt::format("its user {} lacks rights: give it +{}", user, fmt::join(missing_, " +")));
  if (keys_are_refused_)
    lines.push_back(fmt::format("its user {} may not use the keys: give it ~rk1:*", user));
  if (lines.empty() && !refusal_.empty()) lines.push_back("it refuses what instances do: " + refusal_);
  return lines;
}

}  // namespace roktcached::fleet
