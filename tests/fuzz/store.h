#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "core/caching/selection.h"
#include "core/caching/stored_response.h"

namespace roktcached::fuzz {

/// Stands for a ResponseStore: responses by the text of their key.
using Store = std::unordered_map<std::string, caching::StoredResponsePtr>;

/// As every ResponseStore.
inline void purge_from(Store& store, const caching::Purge& purge, WallTime at) {
  for (auto entry = store.begin(); entry != store.end();) {
    const bool selected = caching::matches(purge.selection, caching::subject_of(*entry->second));
    if (selected && purge.kind == caching::PurgeKind::hard) {
      entry = store.erase(entry);
      continue;
    }
    if (selected) entry->second = caching::share(caching::made_stale(*entry->second, at));
    ++entry;
  }
}

}  // namespace roktcached::fuzz
