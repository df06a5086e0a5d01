#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>

#include "core/caching/stored_response.h"
#include "storage/response_store.h"

/// Responses and folders that the storage tests share.
namespace roktcached::storage::examples {

inline constexpr WallTime noon = wall_time_from_unix_ms(1'700'000'000'000);
inline constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

inline Key key(int number) {
  return Key("default /reporting/accounts/7/campaigns/" + std::to_string(number) +
             "/overview?currency=USD&dateEnd=2023-02-01&dateStart=2023-01-01&groupby=country&"
             "timeZoneVariation=UTC LATEST");
}

/// A response of the key `number`, fresh for an hour and usable for a day from `fetched_at`.
inline StoredResponse response(int number, std::string body = "{}", WallTime fetched_at = noon) {
  StoredResponse made;
  made.key = key(number);
  made.route = "campaign-overview";
  made.account_id = "7";
  made.campaign_id = std::to_string(number);
  made.head = "Content-Type: application/json\r\n";
  made.body = caching::share_body(std::move(body));
  made.entity_tag = "\"tag-" + std::to_string(number) + "\"";
  made.validator = "If-None-Match: \"upstream\"";
  made.range_end = fetched_at - std::chrono::hours{48};
  made.fetched_at = fetched_at;
  made.fresh_until = fetched_at + std::chrono::hours{1};
  made.usable_until = fetched_at + std::chrono::hours{24};
  return made;
}

/// The same, restated once at `at`.
inline StoredResponse restated_response(int number, WallTime at) {
  StoredResponse made = response(number, "{}", at);
  made.restated = std::make_shared<const caching::Restated>(caching::Restated{1, at, R"([{"field":"/a"}])"});
  return made;
}

inline StoredResponsePtr shared(StoredResponse made) {
  return caching::share(std::move(made));
}

inline StoredResponsePtr shared_response(int number, std::string body = "{}", WallTime fetched_at = noon) {
  return shared(response(number, std::move(body), fetched_at));
}

/// Bytes that no compression makes smaller, the same for the same seed.
inline std::string noise(std::size_t size, std::uint64_t seed) {
  std::string bytes(size, '\0');
  std::mt19937_64 random(seed);
  for (std::size_t at = 0; at < size; at += sizeof(std::uint64_t)) {
    const std::uint64_t eight = random();
    std::memcpy(bytes.data() + at, &eight, std::min(sizeof eight, size - at));
  }
  return bytes;
}

inline bool same_history(const caching::Restated* left, const caching::Restated* right) {
  if (left == nullptr || right == nullptr) return left == right;
  return left->times == right->times && left->at == right->at && left->moved == right->moved;
}

/// True if everything that is served or decided upon is the same.
inline bool same(const StoredResponse& left, const StoredResponse& right) {
  return left.key == right.key && left.route == right.route && left.account_id == right.account_id &&
         left.campaign_id == right.campaign_id && left.status == right.status && left.head == right.head &&
         *left.body == *right.body && same_history(left.restated.get(), right.restated.get()) &&
         left.steady_refreshes == right.steady_refreshes && left.entity_tag == right.entity_tag &&
         left.validator == right.validator && left.range_end == right.range_end &&
         left.fetched_at == right.fetched_at && left.fresh_until == right.fresh_until &&
         left.usable_until == right.usable_until;
}

/// A folder of the test's own, removed with all it holds.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "roktcached-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// How many names in it begin with `prefix`.
  [[nodiscard]] int count(const std::string& prefix) const {
    int found = 0;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      if (entry.path().filename().string().starts_with(prefix)) ++found;
    }
    return found;
  }

 private:
  std::filesystem::path path_;
};

inline std::string contents_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void write_file(const std::string& path, const std::string& contents) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << contents;
}

}  // namespace roktcached::storage::examples
