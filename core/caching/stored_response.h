#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/caching/body.h"
#include "core/caching/key.h"
#include "core/caching/text.h"
#include "core/http/date.h"
#include "core/http/fields.h"
#include "core/time.h"

namespace roktcached::caching {

/// How the numbers of a range that had ended have changed since they were first given out.
struct Restated {
  std::uint64_t times = 0;
  WallTime at;        ///< when the refresh that brought the last change was sent
  std::string moved;  ///< what that one moved, as JSON: [{"field":"/revenue","before":1,"after":2}]
};

/// A time as Date says it, made once for the many answers that say it. It knows which time it was made for:
/// in a copy of a response that is given another time, it is not taken for that one's.
class KeptDate {
 public:
  void make(WallTime time);
  /// @return empty if it was not made for `time`
  [[nodiscard]] std::string_view of(WallTime time) const {
    return time == made_for_ ? std::string_view(text_.data(), text_.size()) : std::string_view();
  }

 private:
  http::FixedDate text_{};
  WallTime made_for_ = WallTime::min();
};

/// An upstream answer as it is kept and served. Immutable once shared; safe from any thread then. What is to
/// be kept is shared by share, which leaves of it two allocations: its body, and all the rest.
struct StoredResponse {
  Key key;
  Text route;        ///< Route::name
  Text account_id;   ///< empty if the route has none
  Text campaign_id;  ///< likewise
  unsigned status = 200;
  /// At how many refreshes in a row the body of a restating range has stayed the same.
  unsigned steady_refreshes = 0;
  /// The end-to-end fields of the upstream's answer as lines ("Name: value\r\n"), ready to be sent, without
  /// Content-Length, Date, ETag, Age, Cache-Control and Cache-Status, which are ours to write.
  Text head;
  /// Byte for byte what the upstream sent; shared by the copies that a revalidation makes. Never null.
  BodyPtr body = no_body();
  /// `body` under the gzip coding, made once and sent to clients that take it; null if there is none, or
  /// where it saves too little. Never in the cache file.
  BodyPtr gzip_body;
  Text entity_tag;  ///< quoted; strong: the upstream's, else one made from the body
  Text validator;  ///< "If-None-Match: ..." or "If-Modified-Since: ...", from the upstream's fields; empty if
                   ///< it sent none
  std::optional<WallTime> range_end;         ///< of a report
  std::shared_ptr<const Restated> restated;  ///< null if no refresh has changed what had been given out
  WallTime fetched_at;
  KeptDate date;  ///< of `fetched_at`, where it has been made. Never in the cache file.
  WallTime fresh_until;
  WallTime usable_until;

  /// The memory that it takes once shared, in bytes: this object and all it holds, with what the allocator
  /// adds.
  [[nodiscard]] std::size_t memory_size() const;
};

using StoredResponsePtr = std::shared_ptr<const StoredResponse>;

/// Shares `response` in one allocation with all its text, of std::pmr::get_default_resource(): that stays the
/// same one for as long as responses live.
[[nodiscard]] StoredResponsePtr share(StoredResponse response);

/// The texts of a response that is being made, by the names that they have there. Views.
struct Texts {
  const Key& key;
  std::string_view route;
  std::string_view account_id;
  std::string_view campaign_id;
  std::string_view head;
  std::string_view entity_tag;
  std::string_view validator;
};
/// The same, where these are to be its texts; written where they will stand, and nowhere before.
[[nodiscard]] StoredResponsePtr share(StoredResponse&& response, const Texts& texts);

/// Appends the fields of an upstream answer that pass on to clients and into the store, as lines: without
/// hop-by-hop fields and those that Connection nominates, without Set-Cookie, and without those that we write
/// ourselves (Content-Length, Date, ETag, Age, Cache-Control, Expires, Pragma, Cache-Status, Proxy-Status,
/// X-Request-Id, Report-State, Vary).
void append_end_to_end_lines(std::string& lines, const http::Fields& upstream);

}  // namespace roktcached::caching
