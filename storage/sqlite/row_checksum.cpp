#include "storage/sqlite/row_checksum.h"

#include <xxhash.h>

#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>

namespace roktcached::storage {

namespace {

/// XXH3 of all that is added, one behind the other. It is gathered first: short responses are hashed at once,
/// which takes half the time of twenty pieces.
class Hash {
 public:
  void add(std::string_view text) {
    add(static_cast<std::int64_t>(
        text.size()));  // so that no byte can move from one text to the next unnoticed
    add_bytes(text.data(), text.size());
  }
  void add(std::int64_t number) { add_bytes(&number, sizeof number); }

  [[nodiscard]] std::uint64_t digest() {
    if (!state_) return XXH3_64bits(gathered_.data(), size_);
    update(gathered_.data(), size_);
    return XXH3_64bits_digest(state_.get());
  }

 private:
  struct Freer {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };

  void add_bytes(const void* bytes, std::size_t size) {
    if (size == 0) return;  // an empty text may have no bytes at all
    if (size > gathered_.size() - size_) {
      update(gathered_.data(), size_);
      size_ = 0;
    }
    if (size > gathered_.size()) return update(bytes, size);
    std::memcpy(gathered_.data() + size_, bytes, size);
    size_ += size;
  }

  void update(const void* bytes, std::size_t size) {
    if (!state_) {
      state_.reset(XXH3_createState());
      if (!state_) throw std::bad_alloc();
      XXH3_64bits_reset(state_.get());
    }
    XXH3_64bits_update(state_.get(), bytes, size);
  }

  std::unique_ptr<XXH3_state_t, Freer> state_;  // null while all is in gathered_
  std::size_t size_ = 0;
  std::array<char, 6144> gathered_;  // a short body, and what comes with it
};

}  // namespace

std::int64_t checksum_of(const caching::StoredResponse& response) {
  Hash hash;
  for (const std::string_view text :
       {std::string_view(response.key.text()), std::string_view(response.route),
        std::string_view(response.account_id), std::string_view(response.campaign_id),
        std::string_view(response.head), std::string_view(*response.body),
        std::string_view(response.entity_tag), std::string_view(response.validator)}) {
    hash.add(text);
  }
  hash.add(static_cast<std::int64_t>(response.status));
  hash.add(response.range_end ? unix_ms(*response.range_end) : -1);
  // Rows of the first schema know none.
  if (response.steady_refreshes > 0) hash.add(static_cast<std::int64_t>(response.steady_refreshes));
  if (response.restated) {
    hash.add(static_cast<std::int64_t>(response.restated->times));
    hash.add(unix_ms(response.restated->at));
    hash.add(response.restated->moved);
  }
  for (const WallTime time : {response.fetched_at, response.fresh_until, response.usable_until})
    hash.add(unix_ms(time));
  return static_cast<std::int64_t>(hash.digest());
}

}  // namespace roktcached::storage
