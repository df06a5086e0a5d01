#include "server/proxy/prepared.h"

#define ZLIB_CONST  // what is only read is const
#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>

namespace roktcached::proxy {

namespace {

/// A shorter body is with the client in the same round trip either way (RFC 6928: ten segments at once); its
/// gzip form would take longer to make than its row to be read, and a third of its memory to keep.
constexpr std::size_t worth_compressing = std::size_t{4} << 10;
constexpr std::size_t compressible_max = std::size_t{4} << 20;  // some 80 ms of the thread that does it
constexpr int gzip_window = 15 + 16;
/// The fastest. It makes a quarter of a report; level 6 makes a little less of it in three times the time,
/// and who waits for a miss pays for that.
constexpr int level = 1;
constexpr int memory_level = 8;

/// zlib's state, a quarter of a MiB: to allocate it and touch its pages takes longer than to compress a short
/// report with it.
class Deflater {
 public:
  Deflater() {
    if (deflateInit2(&stream_, level, Z_DEFLATED, gzip_window, memory_level, Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::bad_alloc();
  }
  ~Deflater() { deflateEnd(&stream_); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  /// `body` under gzip (RFC 1952), without a time or a name: the same bytes every time.
  std::string gzip(std::string_view body) {
    deflateReset(&stream_);
    std::string compressed(deflateBound(&stream_, body.size()), '\0');
    stream_.next_in = reinterpret_cast<const Bytef*>(body.data());
    stream_.avail_in = static_cast<uInt>(body.size());
    stream_.next_out = reinterpret_cast<Bytef*>(compressed.data());
    stream_.avail_out = static_cast<uInt>(compressed.size());
    deflate(&stream_, Z_FINISH);  // deflateBound has made room for all of it
    return compressed.substr(0, stream_.total_out);
  }

 private:
  z_stream stream_{};
};

std::string gzip(std::string_view body) {
  thread_local Deflater deflater;
  return deflater.gzip(body);
}

/// Fields that would no longer be true of the gzip form.
bool speaks_of_its_form(const http::Fields& head) {
  static constexpr std::array<std::string_view, 5> names = {"Content-Encoding", "Content-MD5", "Digest",
                                                            "Content-Digest", "Repr-Digest"};
  return std::ranges::any_of(names, [&](std::string_view name) { return head.contains(name); });
}

}  // namespace

caching::StoredResponsePtr with_gzip(caching::StoredResponsePtr response, storage::BodyAccount* bodies) {
  const std::string_view body = *response->body;
  if (response->gzip_body || body.size() < worth_compressing || body.size() > compressible_max)
    return response;
  const bool on_http_route = response->entity_tag.empty();  // there the upstream's own form is the one
  if (on_http_route || speaks_of_its_form(http::Fields::from_lines(response->head))) return response;
  std::string compressed = gzip(body);
  if (compressed.size() > body.size() - body.size() / 10) return response;
  storage::BodyAccount::Growing room(bodies);
  if (!room.try_add(compressed.size())) return response;
  caching::StoredResponse with = *response;
  with.gzip_body = room.keep(std::move(compressed));
  return caching::share(std::move(with));
}

std::string gzip_entity_tag(std::string_view entity_tag) {
  std::string tag;
  append_gzip_entity_tag(tag, entity_tag);
  return tag;
}

void append_gzip_entity_tag(std::string& text, std::string_view entity_tag) {
  text.append(entity_tag.substr(0, entity_tag.size() - 1)).append("-gzip\"");
}

caching::StoredResponsePtr prepared(caching::StoredResponsePtr response, storage::BodyAccount* bodies) {
  response = with_gzip(std::move(response), bodies);
  const bool on_http_route = response->entity_tag.empty();
  if (on_http_route || !response->date.of(response->fetched_at).empty()) return response;
  caching::StoredResponse with = *response;
  with.date.make(with.fetched_at);
  return caching::share(std::move(with));
}

}  // namespace roktcached::proxy
