#include "server/fleet/untold_purges.h"

#include <algorithm>

#include "core/base64.h"
#include "server/fleet/shared_answer.h"

namespace roktcached::fleet {

/// Of too many all that is known is that there were some.
std::uint64_t UntoldPurges::add(caching::Purge purge) {
  if (purges_.size() >= max_purges) {
    purges_.clear();
    purge.selection = caching::Everything{};
    purge.kind = caching::PurgeKind::hard;
  }
  purges_.emplace_back(++last_number_, std::move(purge));
  return last_number_;
}

void UntoldPurges::remove(std::uint64_t number) {
  std::erase_if(purges_, [number](const auto& one) { return one.first == number; });
}

bool UntoldPurges::match(const caching::Subject& subject) const {
  return std::ranges::any_of(
      purges_, [&](const auto& one) { return caching::matches(one.second.selection, subject); });
}

std::string UntoldPurges::text() const {
  std::string text;
  for (const auto& [number, purge] : purges_) text.append("\n").append(to_base64url(written(purge)));
  return text;
}

void UntoldPurges::add_from(std::string_view text) {
  while (!text.empty()) {
    text.remove_prefix(1);
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size());
    const auto octets = from_base64url(line);
    const auto purge = octets ? read_purge(*octets) : Result<caching::Purge>(Error{});
    add(purge ? *purge : caching::Purge{caching::Everything{}, caching::PurgeKind::soft});
  }
}

}  // namespace roktcached::fleet
