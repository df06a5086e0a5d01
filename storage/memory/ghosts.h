#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>

#include "core/caching/key.h"
#include "storage/memory/key_table.h"

namespace roktcached::storage {

/// The hashes of what has left a cache last, the oldest forgotten first. Not thread-safe.
class Ghosts {
 public:
  /// @param most  how many are kept; where it was more before, it takes a while until they are no more
  void remember(const caching::KeyHash& hash, std::size_t most);
  [[nodiscard]] bool remembers(const caching::KeyHash& hash) const { return find(hash) != nullptr; }
  /// Forgets it. @return whether it was remembered
  bool forget(const caching::KeyHash& hash);
  [[nodiscard]] std::size_t size() const { return table_.size(); }

 private:
  struct Ghost : TableNode<Ghost>, boost::intrusive::list_base_hook<> {
    explicit Ghost(const caching::KeyHash& of) : TableNode(of.low), high(of.high) {}
    const std::uint64_t high;
  };

  [[nodiscard]] Ghost* find(const caching::KeyHash& hash) const;
  void erase(Ghost& ghost);

  KeyTable<Ghost> table_;
  boost::intrusive::list<Ghost, boost::intrusive::constant_time_size<false>> order_;
};

}  // namespace roktcached::storage
