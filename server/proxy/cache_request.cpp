#include "server/proxy/cache_request.h"

#include <xxhash.h>

namespace roktcached::proxy {

namespace {

/// Longer ones are rare, and would cost more memory than they save time.
constexpr std::size_t longest_target = 1024;

/// @return nothing if it comes more than once, or is there and empty, which says something else than its
///         absence
std::optional<std::string_view> only_version(const http::Fields& fields) {
  const auto version = fields.find("rokt-version");
  if (!version) return std::string_view();
  if (version->empty() || fields.count("rokt-version") > 1) return std::nullopt;
  return version;
}

}  // namespace

void ask_for(const caching::Key& key, upstream::UpstreamRequest& to_send) {
  const caching::KeyParts parts = caching::parts_of(key);
  to_send.target = parts.target;
  if (parts.rokt_version != caching::latest_version) to_send.fields.add("rokt-version", parts.rokt_version);
  if (parts.content.empty()) return;
  to_send.method = "POST";
  to_send.fields.add("Content-Type", "application/json");
  to_send.body = parts.content;
  to_send.only_reads = true;
}

std::size_t CacheRequestMemory::place_of(std::string_view target) const {
  return XXH3_64bits(target.data(), target.size()) & (slots_.size() - 1);
}

const CacheRequestPtr& CacheRequestMemory::find(const http::Request& request) const {
  static const CacheRequestPtr none;
  const auto version = only_version(request.fields);
  if (!version) return none;
  const Slot& slot = slots_[place_of(request.target)];
  const bool same =
      slot.target == request.target && slot.method == request.method && slot.rokt_version == *version;
  return same ? slot.cache_request : none;
}

void CacheRequestMemory::remember(const http::Request& request, CacheRequestPtr cache_request) {
  const auto version = only_version(request.fields);
  if (!version || request.target.size() > longest_target) return;
  Slot& slot = slots_[place_of(request.target)];
  slot.method = request.method;
  slot.target = request.target;
  slot.rokt_version = *version;
  slot.cache_request = std::move(cache_request);
}

void CacheRequestMemory::forget_all() {
  for (Slot& slot : slots_) slot = Slot();
}

}  // namespace roktcached::proxy
