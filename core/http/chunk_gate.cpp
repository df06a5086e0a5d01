#include "core/http/chunk_gate.h"

#include <algorithm>

#include "core/http/fields.h"
#include "core/http/octets.h"

namespace roktcached::http {

using enum Octet;

namespace {

constexpr std::size_t max_size_digits = 8;
constexpr std::size_t max_line_bytes = 256;
constexpr std::size_t max_trailer_bytes = 8 * 1024;
constexpr std::size_t credit_of_a_byte = 16;
constexpr std::string_view crlf = "\r\n";

Error malformed(const char* why, ErrorCode code = ErrorCode::invalid_request) {
  return {.code = code, .context = why};
}

/// Fields that must be known before the content comes (RFC 9110, section 6.5.1), beside the hop-by-hop ones.
constexpr std::string_view barred_from_trailers =
    "Content-Length, Host, Origin,"                                               // framing and routing
    "Authorization, Cookie, Set-Cookie, WWW-Authenticate, X-API-Key,"             // who asks
    "Expect, Max-Forwards, Pragma, Range,"                                        // how it is asked
    "If-Match, If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since,"  // and on what condition
    "Age, Cache-Control, Date, Expires, Location, Retry-After, Vary, Warning,"    // how to use it
    "Content-Encoding, Content-Location, Content-Range, Content-Type";            // how it is coded

bool is_barred_from_trailers(std::string_view name) {
  return is_hop_by_hop(name) || std::ranges::any_of(list_members(barred_from_trailers), [name](auto barred) {
           return equal_ignoring_case(barred, name);
         });
}

/// @param section  as FieldSectionScan found it: each line has a name and a colon
bool names_what_belongs_in_the_head(std::string_view section) {
  while (section != crlf) {
    if (is_barred_from_trailers(section.substr(0, section.find(':')))) return true;
    section.remove_prefix(section.find(crlf) + crlf.size());
  }
  return false;
}

}  // namespace

Result<std::size_t> ChunkGate::take_line(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && !has_line_) {
    if (credit_ == 0) return malformed("chunks: too much of chunk lines for the content they bring");
    --credit_;
    if (const char* why = judge(bytes[at])) return malformed(why);
    line_ += bytes[at++];
    has_line_ = line_.size() > line_begin_ && line_.back() == '\n';
  }
  const bool is_last = has_line_ && size_digits_ == 0;
  if (is_last) line_ += crlf;
  return at;
}

/// chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF. A chunk-size of more than 8 digits would be 4 GiB
/// and more; zeros before them count for nothing: their bound is the line's.
const char* ChunkGate::judge(char c) {
  if (line_.size() < line_begin_) {
    if (c == crlf[line_.size()]) return nullptr;
    return line_.empty() ? "chunks: the data is longer than its size says"
                         : "chunks: a bare CR behind the data";
  }
  const std::size_t size = line_.size() - line_begin_;
  if (size > 0 && line_.back() == '\r') return c == '\n' ? nullptr : "chunks: a bare CR in a chunk line";
  if (c == '\r') return size == 0 ? "chunks: a size is hex digits" : nullptr;
  if (size == max_line_bytes) return "chunks: a chunk line longer than 256 bytes";
  if (in_size_ && is(hex_digit, c)) {
    const bool leading_zero = c == '0' && size_digits_ == 0;
    if (!leading_zero && ++size_digits_ > max_size_digits) return "chunks: a size of more than 8 digits";
    return nullptr;
  }
  const bool ends_size = in_size_ && size > 0 && (c == ';' || is(space_or_tab, c));
  if (in_size_ && !ends_size) return "chunks: a size is hex digits";
  in_size_ = false;
  return is(field_octet, c) ? nullptr : "chunks: a control character in a chunk line";
}

void ChunkGate::begin_data() {
  line_.clear();
  line_begin_ = crlf.size();
  has_line_ = false;
  in_size_ = true;
  size_digits_ = 0;
}

void ChunkGate::took_data(std::size_t size) {
  credit_ = size < max_credit ? std::min(max_credit, credit_ + credit_of_a_byte * size) : max_credit;
}

/// trailer-section = *( field-line CRLF ), and the empty line (RFC 9112, section 7.1.2).
Result<std::size_t> ChunkGate::take_trailers(std::string_view bytes) {
  std::size_t at = trailers_.size();
  trailers_.append(bytes.substr(0, max_trailer_bytes - at));
  const std::size_t before = at;
  const auto whole = trailer_scan_.scan(trailers_, at);
  if (!whole) {
    Error error = whole.error();
    error.context.insert(0, "trailer section: ");
    return error;
  }
  if (!*whole && trailers_.size() == max_trailer_bytes)
    return malformed("trailer section: longer than 8 KiB", ErrorCode::fields_too_large);
  has_trailers_ = *whole;
  if (has_trailers_ && trailer_names_ == TrailerNames::limited &&
      names_what_belongs_in_the_head(std::string_view(trailers_).substr(0, at)))
    return malformed("trailer section: a field that belongs in the head");
  return at - before;
}

}  // namespace roktcached::http
