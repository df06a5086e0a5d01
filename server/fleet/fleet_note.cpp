#include "server/fleet/fleet_note.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/fleet/serialization.h"
#include "server/fleet/shared_answer.h"

namespace roktcached::fleet {

namespace {

constexpr char kind_of_note = 'N';
constexpr char note_version = 1;

}  // namespace

UntoldPurges::Untold UntoldPurges::numbered(caching::Purge purge) {
  std::string octets = written(purge);
  return {++last_number_, std::move(purge), std::move(octets)};
}

UntoldPurges::Telling::Telling(UntoldPurges& purges, std::uint64_t number)
    : purges_(purges), number_(number) {
  Untold* const untold = purges_.find(number);
  octets_ = untold->octets;
  untold->being_told = true;
}

UntoldPurges::Telling::~Telling() {
  if (Untold* const untold = purges_.find(number_)) untold->being_told = false;
}

std::uint64_t UntoldPurges::add(caching::Purge purge) {
  purges_.push_back(numbered(std::move(purge)));
  bound();
  return purges_.back().number;
}

void UntoldPurges::add_first(const std::vector<caching::Purge>& earlier) {
  for (auto purge = earlier.rbegin(); purge != earlier.rend(); ++purge) purges_.push_front(numbered(*purge));
  bound();
}

UntoldPurges::Untold* UntoldPurges::find(std::uint64_t number) {
  const auto found = std::ranges::find(purges_, number, &Untold::number);
  return found == purges_.end() ? nullptr : &*found;
}

std::uint64_t UntoldPurges::next() const {
  const auto found = std::ranges::find(purges_, false, &Untold::being_told);
  return found == purges_.end() ? 0 : found->number;
}

void UntoldPurges::remove(std::uint64_t number) {
  std::erase_if(purges_, [number](const Untold& untold) { return untold.number == number; });
}

bool UntoldPurges::selects(const caching::Subject& subject) const {
  return std::ranges::any_of(
      purges_, [&](const Untold& untold) { return caching::matches(untold.purge.selection, subject); });
}

/// A hard one among them makes the whole a hard one.
void UntoldPurges::bound() {
  std::size_t bytes = 0;
  for (const Untold& untold : purges_) bytes += untold.octets.size();
  if (purges_.size() <= max_purges && bytes <= max_bytes) return;
  const bool soft = std::ranges::all_of(
      purges_, [](const Untold& untold) { return untold.purge.kind == caching::PurgeKind::soft; });
  purges_.push_back(
      numbered({caching::Everything{}, soft ? caching::PurgeKind::soft : caching::PurgeKind::hard}));
  purges_.erase(purges_.begin(), std::prev(purges_.end()));
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
