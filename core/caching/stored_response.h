#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/caching/kept_date.h"
#include "core/caching/key.h"
#include "core/http/fields.h"
#include "core/time.h"

namespace roktcached::caching {

/// How the numbers of a range that had ended have changed since they were first given out.
struct Restated {
  std::uint64_t times = 0;
  WallTime at;        ///< when the refresh that brought the last change was sent
  std::string moved;  ///< what that one moved, as JSON: [{"field":"/revenue","before":1,"after":2}]
};

/// An upstream answer as it is kept and served. Immutable once shared; safe from any thread then.
struct StoredResponse {
  Key key;
  std::string route;        ///< Route::name
  std::string account_id;   ///< empty where the route has none
  std::string campaign_id;  ///< likewise
  unsigned status = 200;
  /// At how many refreshes in a row the body of a restating range has stayed the same.
  unsigned steady_refreshes = 0;
  /// The end-to-end fields of the upstream's answer as lines ("Name: value\r\n"), ready to be sent, without
  /// Content-Length, Date, ETag, Age, Cache-Control and Cache-Status, which are ours to write.
  std::string head;
  /// Byte for byte what the upstream sent; shared by the copies that a revalidation makes. Never null.
  std::shared_ptr<const std::string> body = std::make_shared<const std::string>();
  /// `body` under the gzip coding, made once and sent to clients that take it; null where there is none, or
  /// where it saves too little. Never in the cache file.
  std::shared_ptr<const std::string> gzip_body;
  std::string entity_tag;  ///< quoted; strong: the upstream's, else one made from the body
  std::string validator;   ///< "If-None-Match: ..." or "If-Modified-Since: ...", from the upstream's fields;
                           ///< empty if it sent none
  std::optional<WallTime> range_end;         ///< of a report
  std::shared_ptr<const Restated> restated;  ///< null where no refresh has changed what had been given out
  WallTime fetched_at;
  KeptDate date;  ///< of `fetched_at`, where it has been made. Never in the cache file.
  WallTime fresh_until;
  WallTime usable_until;

  /// What it costs in memory, in bytes: this object and all it holds.
  [[nodiscard]] std::size_t memory_size() const;
};

using StoredResponsePtr = std::shared_ptr<const StoredResponse>;

/// The fields of an upstream answer that pass on to clients and into the store: without hop-by-hop fields and
/// those that Connection nominates, without Set-Cookie, and without those that we write ourselves
/// (Content-Length, Date, ETag, Age, Cache-Control, Expires, Pragma, Cache-Status, Proxy-Status,
/// X-Request-Id, Report-State, Vary).
[[nodiscard]] http::Fields end_to_end_fields(const http::Fields& upstream);

}  // namespace roktcached::caching
