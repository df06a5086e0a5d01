#include "server/upstream/wire/content_coding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "server/room.h"
#include "server/upstream/wire/exchange_failure.h"
#include "server/upstream/wire/gzip_decoder.h"

namespace roktcached::upstream {

namespace {

/// Fields that describe the content with its coding, and are wrong without.
constexpr std::array<std::string_view, 6> of_coded_content = {
    "Content-Encoding", "Content-Length", "Content-MD5", "Digest", "Content-Digest", "Repr-Digest"};

bool is_gzip(std::string_view coding) {
  // RFC 9110, section 8.4.1.3.
  return http::equal_ignoring_case(coding, "gzip") || http::equal_ignoring_case(coding, "x-gzip");
}

/// Nothing where it is larger than `max_size`.
Result<std::optional<std::uint64_t>> inflated_size(std::string_view compressed, std::uint64_t max_size) {
  GzipDecoder decoder;
  decoder.feed(compressed);
  std::uint64_t size = 0;
  while (true) {
    const auto piece = decoder.next();
    if (!piece) return piece.error();
    if (piece->empty()) break;
    size += piece->size();
    if (size > max_size) return std::optional<std::uint64_t>();
  }
  if (!decoder.is_complete()) return cut_short();
  return std::optional(size);
}

}  // namespace

Error cut_short() {
  return exchange_failure(ErrorCode::upstream_invalid_response, "the gzip content is cut short");
}

Result<std::optional<std::string>> gunzip(std::string_view compressed, std::uint64_t max_size,
                                          storage::BodyAccount::Growing* held) {
  const auto size = inflated_size(compressed, max_size);
  if (!size) return size.error();
  if (!*size) return std::optional<std::string>();
  if (held != nullptr && !held->add(**size)) return no_room();
  std::string content;
  content.reserve(**size);
  GzipDecoder decoder;
  decoder.feed(compressed);
  while (content.size() < **size) content += *decoder.next();
  return std::optional(std::move(content));
}

Result<bool> is_gzipped(const http::Fields& fields) {
  const std::string value = fields.combined("Content-Encoding");
  std::vector<std::string_view> codings = http::list_members(value);
  // No coding at all, and not to be listed here (RFC 9110, section 8.4.1); it is seen all the same.
  std::erase_if(codings, [](auto coding) { return http::equal_ignoring_case(coding, "identity"); });
  if (codings.size() > 1 || (codings.size() == 1 && !is_gzip(codings.front()))) {
    constexpr std::size_t shown_max = 64;
    return exchange_failure(ErrorCode::upstream_invalid_response,
                            fmt::format("Content-Encoding: {}: only gzip was asked for",
                                        std::string_view(value).substr(0, shown_max)));
  }
  return !codings.empty();
}

void remove_coding(http::Fields& fields, bool gzipped) {
  if (!gzipped) return fields.remove("Content-Encoding");
  for (const auto name : of_coded_content) fields.remove(name);
}

Result<bool> undo_coding(unsigned status, http::Fields& fields, std::string& content, std::uint64_t max_size,
                         storage::BodyAccount::Growing* held) {
  const Result<bool> gzipped = is_gzipped(fields);
  if (!gzipped) return gzipped.error();
  // An error may come without content; nothing else is complete with none, since gzip of nothing is
  // something.
  const bool without_content = status == 204 || status == 304 || (status >= 400 && content.empty());
  bool undone = true;
  if (*gzipped && !without_content) {
    const std::size_t held_coded = held != nullptr ? held->bytes() : 0;
    auto plain = gunzip(content, max_size, held);
    if (!plain) return plain.error();
    undone = plain->has_value();
    if (undone) content = std::move(**plain);
    if (undone && held != nullptr) held->remove(held_coded);
  }
  remove_coding(fields, *gzipped);
  return undone;
}

}  // namespace roktcached::upstream
