#include "storage/sqlite/troubles.h"

#include <algorithm>

namespace roktcached::storage {

namespace {

constexpr std::chrono::seconds quiet{30};

std::size_t place_of(Troubles::Kind kind) {
  return static_cast<std::size_t>(kind);
}

}  // namespace

void Troubles::begin(Kind kind, std::string_view why) {
  const auto now = std::chrono::steady_clock::now();
  {
    const LockGuard lock(mutex_);
    Trouble& trouble = troubles_[place_of(kind)];
    trouble.active = true;
    trouble.why = why;
    if (now < trouble.quiet_until) return;
    trouble.said = true;
    trouble.quiet_until = trouble.mentioned_until = now + quiet;
  }
  say(why);
}

void Troubles::end(Kind kind, std::string_view good) {
  {
    const LockGuard lock(mutex_);
    Trouble& trouble = troubles_[place_of(kind)];
    if (!trouble.active) return;
    trouble.active = false;
    if (!std::exchange(trouble.said, false)) return;
  }
  say(good);
}

void Troubles::mention(Kind kind, std::string_view what) {
  const auto now = std::chrono::steady_clock::now();
  {
    const LockGuard lock(mutex_);
    Trouble& trouble = troubles_[place_of(kind)];
    if (now < trouble.mentioned_until) return;
    trouble.mentioned_until = now + quiet;
  }
  say(what);
}

/// Most errors name the file already.
void Troubles::say(std::string_view what) const {
  report_(what.starts_with(path_) ? std::string(what) : std::string(path_).append(": ").append(what));
}

bool Troubles::has(Kind kind) const {
  const LockGuard lock(mutex_);
  return troubles_[place_of(kind)].active;
}

bool Troubles::any() const {
  const LockGuard lock(mutex_);
  return std::ranges::any_of(troubles_, [](const Trouble& trouble) { return trouble.active; });
}

std::string Troubles::gravest() const {
  const LockGuard lock(mutex_);
  const auto found = std::ranges::find_if(troubles_, [](const Trouble& trouble) { return trouble.active; });
  return found == troubles_.end() ? std::string() : found->why;
}

}  // namespace roktcached::storage
