#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/http/field_section.h"

namespace roktcached::http {

/// Reads content in the chunked transfer coding (RFC 9112, section 7.1), strictly and in bounded memory.
/// Chunk extensions and trailer fields are read as strictly as all else, and dropped.
///
/// The bounds: 8 hex digits of size behind its leading zeros; 256 bytes of chunk line; 32 fields and 8 KiB of
/// trailer section. And all chunk lines together: 16 KiB beyond 16 bytes for each byte of content, which
/// chunks without extensions never reach, however small, so that nobody is read for ever for the sake of
/// little content.
///
/// Belongs to one message. After an error it is of no more use. A plain value; not thread-safe.
class ChunkDecoder {
 public:
  struct Step {
    std::size_t consumed = 0;
    std::string_view content;  ///< a view into bytes; may be empty
    bool done = false;         ///< the content is whole; what follows `consumed` belongs to the next message
  };

  /// Which names trailer fields may have. All of them are dropped either way.
  enum class TrailerNames {
    limited,  ///< none that belongs in the head (RFC 9110, section 6.5.1): somebody may merge them into it
    any,
  };

  explicit ChunkDecoder(TrailerNames trailer_names = TrailerNames::limited) : trailer_names_(trailer_names) {}

  /// Takes as much as it can; call again with the rest (from `consumed` on) until it consumes nothing or is
  /// done. Never wants earlier bytes again. Fails with invalid_request at the first byte that is wrong, or
  /// with fields_too_large where the trailer section is beyond its bounds.
  [[nodiscard]] Result<Step> next(std::string_view bytes);

  /// How much the chunk at hand still has to bring.
  [[nodiscard]] std::uint64_t announced() const { return place_ == Place::data ? left_ : 0; }

 private:
  static constexpr std::size_t max_credit = 16 * 1024;
  static constexpr std::size_t max_trailers = 32;

  /// What comes next.
  enum class Place {
    size,
    before_semicolon,  ///< BWS ";"
    name_start,        ///< BWS chunk-ext-name
    name,
    after_name,   ///< BWS, then "=" or ";"
    value_start,  ///< BWS chunk-ext-val
    token,
    quoted,
    escaped,
    after_quoted,
    line_end,  ///< the LF of the chunk line
    data,
    data_cr,
    data_lf,
    trailers,
    done,
  };

  [[nodiscard]] Result<void> take_line_byte(char c);
  /// The place behind `c` in a chunk line's extensions; Place::done where `c` may not stand.
  [[nodiscard]] Place after_extension_byte(char c) const;
  [[nodiscard]] Result<void> take_size_byte(char c);
  [[nodiscard]] Result<std::size_t> take_trailers(std::string_view bytes);

  TrailerNames trailer_names_;
  Place place_ = Place::size;
  std::uint64_t left_ = 0;       ///< of the chunk; while its size is read: so far
  bool has_size_ = false;        ///< a digit of the size has come
  std::size_t size_digits_ = 0;  ///< without leading zeros
  std::size_t line_bytes_ = 0;
  std::size_t credit_ = max_credit;  ///< how much more framing there may be before content comes
  std::string trailers_;
  FieldSectionScan trailer_scan_{max_trailers};
};

}  // namespace roktcached::http
