#include "core/http/chunked.h"

#include <algorithm>
#include <vector>

#include "core/http/fields.h"
#include "core/http/octets.h"

namespace roktcached::http {

using enum Octet;

namespace {

constexpr std::size_t max_size_digits = 8;
constexpr std::size_t max_line_bytes = 256;
constexpr std::size_t max_trailer_bytes = 8 * 1024;
constexpr std::size_t credit_of_a_byte = 16;

Error malformed(const char* why, ErrorCode code = ErrorCode::invalid_request) {
  return {.code = code, .source = ErrorSource::core, .retryable = false, .context = why};
}

/// What must be known before the content comes (RFC 9110, section 6.5.1), beside the hop-by-hop fields.
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

bool names_what_belongs_in_the_head(std::string_view trailer_section) {
  std::vector<FieldLine> fields;
  read_field_lines(trailer_section, fields);
  return std::ranges::any_of(fields,
                             [](const FieldLine& field) { return is_barred_from_trailers(field.name); });
}

}  // namespace

Result<ChunkDecoder::Step> ChunkDecoder::next(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && place_ != Place::done) {
    if (place_ == Place::data) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - at));
      left_ -= size;
      credit_ = size < max_credit ? std::min(max_credit, credit_ + credit_of_a_byte * size) : max_credit;
      if (left_ == 0) place_ = Place::data_cr;
      return Step{at + size, bytes.substr(at, size), false};
    }
    if (place_ == Place::trailers) {
      const auto taken = take_trailers(bytes.substr(at));
      if (!taken) return taken.error();
      at += *taken;
      continue;
    }
    if (credit_ == 0) return malformed("chunks: too much of chunk lines for the content they bring");
    --credit_;
    if (auto taken = take_line_byte(bytes[at]); !taken) return taken.error();
    ++at;
  }
  return Step{at, {}, place_ == Place::done};
}

/// chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF; last-chunk has size 0 and no data.
Result<void> ChunkDecoder::take_line_byte(char c) {
  switch (place_) {
    case Place::data_cr:
      if (c != '\r') return malformed("chunks: the data is longer than its size says");
      place_ = Place::data_lf;
      return {};
    case Place::data_lf:
      if (c != '\n') return malformed("chunks: a bare CR behind the data");
      place_ = Place::size;
      left_ = 0;
      has_size_ = false;
      size_digits_ = line_bytes_ = 0;
      return {};
    case Place::line_end:
      if (c != '\n') return malformed("chunks: a bare CR in a chunk line");
      place_ = left_ > 0 ? Place::data : Place::trailers;
      return {};
    default:
      break;
  }
  if (c != '\r' && ++line_bytes_ > max_line_bytes)
    return malformed("chunks: a chunk line longer than 256 bytes");
  if (place_ == Place::size && is(hex_digit, c)) return take_size_byte(c);
  if (place_ == Place::size && !has_size_) return malformed("chunks: a size is hex digits");
  place_ = after_extension_byte(c);
  if (place_ == Place::done) return malformed("chunks: a size or an extension is malformed");
  return {};
}

/// chunk-size = 1*HEXDIG, of which more than 8 would be 4 GiB and more in one chunk. Zeros before them count
/// for nothing: their bound is the line's.
Result<void> ChunkDecoder::take_size_byte(char c) {
  has_size_ = true;
  const bool leading_zero = c == '0' && size_digits_ == 0;
  if (!leading_zero && ++size_digits_ > max_size_digits)
    return malformed("chunks: a size of more than 8 digits");
  left_ = left_ * 16 + hex_value(c);
  return {};
}

/// chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] ), where chunk-ext-val = token /
/// quoted-string (RFC 9112, section 7.1.1). BWS ends no line.
ChunkDecoder::Place ChunkDecoder::after_extension_byte(char c) const {
  const bool blank = is(space_or_tab, c);
  switch (place_) {
    case Place::name_start:
      return blank ? place_ : is(tchar, c) ? Place::name : Place::done;
    case Place::value_start:
      return blank ? place_ : is(tchar, c) ? Place::token : c == '"' ? Place::quoted : Place::done;
    case Place::quoted:
      return c == '"'        ? Place::after_quoted
             : c == '\\'     ? Place::escaped
             : is(qdtext, c) ? place_
                             : Place::done;
    case Place::escaped:
      return is(field_octet, c) ? Place::quoted : Place::done;
    case Place::name:
    case Place::token:
      if (is(tchar, c)) return place_;
      break;
    default:
      break;
  }
  // Behind a size, a name or a value.
  if (c == ';') return Place::name_start;
  const bool named = place_ == Place::name || place_ == Place::after_name;
  if (c == '=' && named) return Place::value_start;
  if (blank) return named ? Place::after_name : Place::before_semicolon;
  const bool after_blank = place_ == Place::after_name || place_ == Place::before_semicolon;
  return c == '\r' && !after_blank ? Place::line_end : Place::done;
}

/// trailer-section = *( field-line CRLF ), and the empty line (RFC 9112, section 7.1.2).
/// @return how many bytes of it were taken
Result<std::size_t> ChunkDecoder::take_trailers(std::string_view bytes) {
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
  if (*whole) {
    if (trailer_names_ == TrailerNames::limited &&
        names_what_belongs_in_the_head(std::string_view(trailers_).substr(0, at)))
      return malformed("trailer section: a field that belongs in the head");
    place_ = Place::done;
  }
  return at - before;
}

}  // namespace roktcached::http
