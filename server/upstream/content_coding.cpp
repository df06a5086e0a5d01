#include "server/upstream/content_coding.h"

#include <fmt/format.h>
#define ZLIB_CONST  // what is only read is const
#include <zlib.h>

#include <algorithm>
#include <array>
#include <new>
#include <vector>

namespace roktcached::upstream {

namespace {

constexpr int gzip_window = 15 + 16;  // the largest window; gzip's header and trailer are to be there
constexpr std::size_t input_max = std::size_t{1} << 30;  // at a time: zlib counts in 32 bits
constexpr std::string_view member_start = "\x1f\x8b";

Error invalid(std::string why) {
  return {ErrorCode::upstream_invalid_response, ErrorSource::upstream, false, std::move(why)};
}

class Inflater {
 public:
  explicit Inflater(std::string_view compressed) : rest_(compressed) {
    if (inflateInit2(&stream_, gzip_window) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// The next piece of what comes out, valid until the next call; empty at the end.
  Result<std::string_view> next() {
    while (!ended_) {
      feed();
      stream_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
      stream_.avail_out = static_cast<uInt>(buffer_.size());
      const int code = inflate(&stream_, Z_NO_FLUSH);
      if (code == Z_MEM_ERROR) throw std::bad_alloc();
      if (code == Z_BUF_ERROR) return invalid("the gzip content is cut short");
      if (code != Z_OK && code != Z_STREAM_END) return invalid("the gzip content is corrupt");
      if (code == Z_STREAM_END) {
        if (const auto more = begin_member(); !more) return more.error();
      }
      const std::size_t size = buffer_.size() - stream_.avail_out;
      if (size > 0) return std::string_view(buffer_.data(), size);
    }
    return std::string_view();
  }

 private:
  void feed() {
    if (stream_.avail_in > 0) return;
    const std::string_view piece = rest_.substr(0, input_max);
    rest_.remove_prefix(piece.size());
    stream_.next_in = reinterpret_cast<const Bytef*>(piece.data());
    stream_.avail_in = static_cast<uInt>(piece.size());
  }

  /// A gzip file is one member behind another (RFC 1952, section 2.2).
  Result<void> begin_member() {
    const std::string_view fed(reinterpret_cast<const char*>(stream_.next_in), stream_.avail_in);
    const std::string_view left =
        fed.empty() ? rest_ : std::string_view(fed.data(), fed.size() + rest_.size());
    ended_ = left.empty();
    if (ended_) return {};
    if (!left.starts_with(member_start)) return invalid("the gzip content has other bytes behind its end");
    inflateReset(&stream_);
    return {};
  }

  std::string_view rest_;  // not fed yet; lies right behind what has been
  z_stream stream_{};
  std::array<char, 32 * 1024> buffer_;
  bool ended_ = false;
};

/// What describes the content with its coding, and is wrong without.
constexpr std::array<std::string_view, 6> of_coded_content = {
    "Content-Encoding", "Content-Length", "Content-MD5", "Digest", "Content-Digest", "Repr-Digest"};

bool is_gzip(std::string_view coding) {
  // RFC 9110, section 8.4.1.3.
  return http::equal_ignoring_case(coding, "gzip") || http::equal_ignoring_case(coding, "x-gzip");
}

Result<std::uint64_t> inflated_size(std::string_view compressed, std::uint64_t max_size) {
  Inflater inflater(compressed);
  std::uint64_t size = 0;
  while (true) {
    const auto piece = inflater.next();
    if (!piece) return piece.error();
    if (piece->empty()) return size;
    size += piece->size();
    if (size > max_size)
      return invalid(fmt::format(
          "the answer, without its gzip coding, is larger than upstream.max_response = {} bytes", max_size));
  }
}

}  // namespace

Result<std::string> gunzip(std::string_view compressed, std::uint64_t max_size) {
  const auto size = inflated_size(compressed, max_size);
  if (!size) return size.error();
  std::string content;
  content.reserve(*size);
  Inflater inflater(compressed);
  while (content.size() < *size) content += *inflater.next();
  return content;
}

Result<void> undo_coding(unsigned status, http::Fields& fields, std::string& content,
                         std::uint64_t max_size) {
  const std::string value = fields.combined("Content-Encoding");
  std::vector<std::string_view> codings = http::list_members(value);
  // No coding at all, and not to be listed here (RFC 9110, section 8.4.1); it is seen all the same.
  std::erase_if(codings, [](auto coding) { return http::equal_ignoring_case(coding, "identity"); });
  if (codings.size() > 1 || (codings.size() == 1 && !is_gzip(codings.front()))) {
    constexpr std::size_t shown_max = 64;
    return invalid(fmt::format("Content-Encoding: {}: only gzip was asked for",
                               std::string_view(value).substr(0, shown_max)));
  }
  // An error may come without content; nothing else is complete with none, since gzip of nothing is
  // something.
  const bool without_content = status == 204 || status == 304 || (status >= 400 && content.empty());
  if (!codings.empty() && !without_content) {
    auto plain = gunzip(content, max_size);
    if (!plain) return plain.error();
    content = std::move(*plain);
  }
  if (codings.empty()) {
    fields.remove("Content-Encoding");
  } else {
    for (const auto name : of_coded_content) fields.remove(name);
  }
  return {};
}

}  // namespace roktcached::upstream
