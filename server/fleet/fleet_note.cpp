#include "server/fleet/fleet_note.h"

#include <algorithm>
#include <utility>

#include "server/fleet/serialization.h"
#include "server/fleet/shared_answer.h"

namespace roktcached::fleet {

namespace {

constexpr char kind_of_note = 'N';
constexpr char note_version = 1;

}  // namespace

void UntoldPurges::append(caching::Purge purge) {
  std::string octets = written(purge);
  bytes_ += octets.size();
  purges_.push_back({++last_number_, std::move(purge), std::move(octets)});
}

std::uint64_t UntoldPurges::add(caching::Purge purge) {
  append(std::move(purge));
  return bound() ? 0 : last_number_;
}

void UntoldPurges::add_first(std::vector<caching::Purge> earlier) {
  std::deque<Untold> later = std::exchange(purges_, {});
  bytes_ = 0;
  for (caching::Purge& purge : earlier) append(std::move(purge));
  for (Untold& untold : later) append(std::move(untold.purge));
  bound();
}

void UntoldPurges::remove(std::uint64_t number) {
  const auto found = std::ranges::find(purges_, number, &Untold::number);
  if (found == purges_.end()) return;
  bytes_ -= found->octets.size();
  purges_.erase(found);
}

bool UntoldPurges::selects(const caching::Subject& subject) const {
  return std::ranges::any_of(
      purges_, [&](const Untold& untold) { return caching::matches(untold.purge.selection, subject); });
}

/// A hard one among them makes the whole a hard one.
bool UntoldPurges::bound() {
  if (purges_.size() <= max_purges && bytes_ <= max_bytes) return false;
  const bool soft = std::ranges::all_of(
      purges_, [](const Untold& untold) { return untold.purge.kind == caching::PurgeKind::soft; });
  purges_.clear();
  bytes_ = 0;
  append({caching::Everything{}, soft ? caching::PurgeKind::soft : caching::PurgeKind::hard});
  return true;
}

std::string written(const std::string& epoch, StreamPosition done, const UntoldPurges& untold) {
  Serializer out(kind_of_note, note_version);
  out.text(epoch).text(done.text()).number(untold.all().size());
  for (const UntoldPurges::Untold& one : untold.all()) out.text(one.octets);
  return out.take();
}

std::optional<FleetNote> read_note(std::string_view octets) {
  Deserializer in(octets, kind_of_note, note_version);
  FleetNote note;
  note.epoch = in.text();
  note.done = StreamPosition::of(in.text());
  const std::uint64_t count = in.number(UntoldPurges::max_purges);
  for (std::uint64_t i = 0; i < count; ++i) {
    auto purge = read_purge(in.text());
    if (!purge) return std::nullopt;
    note.untold.push_back(std::move(*purge));
  }
  if (!in.complete()) return std::nullopt;
  return note;
}

}  // namespace roktcached::fleet
