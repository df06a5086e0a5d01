#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/http/field_section.h"
#include "core/wiping_allocator.h"

namespace roktcached::http {

/// The strict gate before a parser of the chunked transfer coding (RFC 9112, section 7.1). It gathers each
/// chunk line for the parser, and refuses at its first octet what a lenient parser would let pass. Trailer
/// sections it judges by itself and drops, so that no parser can take them for fields of the head.
///
/// The grammar of sizes and extensions is the parser's. The gate is about octets and bounds: 8 hex digits of
/// size behind its leading zeros; 256 bytes of chunk line; 32 fields and 8 KiB of trailer section. And all
/// chunk lines together: 16 KiB beyond 16 bytes for each byte of content, which chunks without extensions
/// never reach, however small, so that nobody is read for ever for the sake of little content.
///
/// Belongs to one message. After an error it is of no more use. A plain value; not thread-safe.
class ChunkGate {
 public:
  /// Which names trailer fields may have. All of them are dropped either way.
  enum class TrailerNames {
    limited,  ///< none that belongs in the head (RFC 9110, section 6.5.1): somebody may merge them into it
    any,
  };

  explicit ChunkGate(TrailerNames trailer_names) : trailer_names_(trailer_names) {}

  /// Takes octets of a chunk line, and of the CRLF behind the data before it.
  /// @return how many, up to the end of the line; or invalid_request
  [[nodiscard]] Result<std::size_t> take_line(std::string_view bytes);
  [[nodiscard]] bool has_line() const { return has_line_; }
  /// The line as a parser is to see it: with the CRLF before it, if any, and behind that of the last chunk
  /// with an empty line. @pre has_line()
  [[nodiscard]] std::string_view line() const { return line_; }
  /// The parser has taken the line: data comes, and then another line.
  void begin_data();
  /// @param size  of data that came
  void took_data(std::size_t size);

  /// Takes octets of the trailer section, behind the last line.
  /// @return how many, up to the end of the section; or invalid_request, or fields_too_large beyond the
  /// bounds
  [[nodiscard]] Result<std::size_t> take_trailers(std::string_view bytes);
  [[nodiscard]] bool has_trailers() const { return has_trailers_; }

 private:
  static constexpr std::size_t max_credit = 16 * 1024;
  static constexpr std::size_t max_trailers = 32;

  /// @return what is wrong with `c` as the next octet of the line; nullptr: nothing
  [[nodiscard]] const char* judge(char c);

  TrailerNames trailer_names_;
  std::string line_;
  std::size_t line_begin_ = 0;  ///< in `line_`: behind the CRLF of the data before
  bool has_line_ = false;
  bool in_size_ = true;
  std::size_t size_digits_ = 0;      ///< without leading zeros
  std::size_t credit_ = max_credit;  ///< how much more framing there may be before content comes
  WipedString trailers_;             ///< with what has come behind them: the next request, maybe
  FieldSectionScan trailer_scan_{max_trailers};
  bool has_trailers_ = false;
};

}  // namespace roktcached::http
