#include "server/log_limit.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "server/log_event.h"

namespace roktcached {

namespace {

constexpr std::size_t beginning_max = 120;

/// FNV-1a, 64 bits.
std::uint64_t kind_of(std::string_view payload) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  const auto add = [&hash](char c) { hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U; };
  const LogLine line(payload);
  const bool is_event = payload.starts_with(LogEvent::begin);
  for (const char c : is_event ? line.event() : payload) {
    if (c < '0' || c > '9') add(c);
  }
  return hash;
}

/// The text goes into a line of its own, in which it must not look like a field.
std::string beginning_of(std::string_view payload) {
  std::string beginning(LogLine(payload).sentence().substr(0, beginning_max));
  std::ranges::replace_if(
      beginning, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return beginning;
}

}  // namespace

bool LogLimit::admit(const spdlog::details::log_msg& message) {
  if (message.level < spdlog::level::warn) return true;
  const std::string_view payload(message.payload.data(), message.payload.size());
  const std::uint64_t hash = kind_of(payload);
  auto kind = std::ranges::find(kinds_, hash, &Kind::hash);
  if (kind == kinds_.end()) {
    if (kinds_.size() >= kinds_max) return true;
    kind = kinds_.insert(kinds_.end(), Kind{.hash = hash, .lines = 0, .held_back = {}});
  }
  if (kind->lines++ < lines_max) return true;
  if (kind->held_back.lines++ == 0) kind->held_back.beginning = beginning_of(payload);
  return false;
}

std::vector<LogLimit::HeldBack> LogLimit::ended(spdlog::log_clock::time_point now) {
  if (now < ends_at_ && ends_at_ - now <= window) return {};
  ends_at_ = now + window;
  std::vector<HeldBack> all;
  for (Kind& kind : kinds_) {
    if (kind.held_back.lines > 0) all.push_back(std::move(kind.held_back));
  }
  kinds_.clear();
  return all;
}

}  // namespace roktcached
