#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/http/field_section.h"

namespace roktcached::http {

// The strict gate before the parser of a message's head, in both directions: HeadScan judges the octets as
// they come, and server/http reads what it let pass. A head that two readers could take two ways is refused,
// also where RFC 9112 would let a lenient recipient mend it. Errors never quote the message.
//
// A minor version that we do not know is read as HTTP/1.1, the highest that we do (RFC 9110, section 2.5). A
// status line may lack the space behind its code, as many servers that have no reason to give write it.

/// The head of a request. The views live as long as the bytes that were read.
struct RequestHead {
  std::string_view method;
  std::string_view
      target;          ///< in origin-form, absolute-form, or "*"; visible ASCII, nothing more is known of it
  bool http11 = true;  ///< false: HTTP/1.0
  std::vector<FieldLine> fields;
};

/// The head of a response. The views live as long as the bytes that were read.
struct ResponseHead {
  unsigned status = 0;  ///< 100 to 599
  bool http11 = true;   ///< false: HTTP/1.0
  std::vector<FieldLine> fields;
};

struct HeadLimits {
  std::size_t max_bytes = 16 * 1024;  ///< of the whole head, its empty line too
  std::size_t max_fields = 100;
};

enum class HeadKind { request, response };

/// Finds the end of a head in a growing buffer, and refuses at once what no further byte can mend: an illegal
/// octet when it comes, a part of the start line when it ends. The verdict does not depend on how the bytes
/// are cut into pieces.
///
/// Looks at each byte once, at those of an unusual start line twice. Keeps offsets only, so the buffer may
/// move between calls. After an error it is of no more use until reset(). A plain value; not thread-safe.
class HeadScan {
 public:
  HeadScan(HeadKind kind, HeadLimits limits);

  /// @param bytes  everything since the head's first byte
  /// @param known  a field section that was let pass before, within the same limits: where it comes again, it
  ///               is let pass again, unread
  /// @return the size of the head with its empty line (and with the one empty line that may stand before a
  ///         request); nothing: more is needed; invalid_request for what is malformed; target_too_long or
  ///         fields_too_large where a request line, or any other part, goes beyond the limits
  [[nodiscard]] Result<std::optional<std::size_t>> scan(std::string_view bytes,
                                                        const KnownSection& known = {});
  /// Whether the field section was the known one.
  [[nodiscard]] bool was_known() const { return was_known_; }
  /// The field lines of a whole head, each where it stands in `bytes`; none of a known section.
  [[nodiscard]] const std::vector<FieldPlace>& places() const { return fields_.places(); }
  /// The offset at which the field section of a whole head begins.
  [[nodiscard]] std::size_t section_begin() const { return part_begin_; }
  /// Makes it ready for another head.
  void reset();

 private:
  /// The part of the head that `at_` is in.
  enum class Place {
    start,           ///< before the start line; one empty line may come (RFC 9112, section 2.2)
    empty_line_end,  ///< behind the CR of that line
    method,
    target,
    request_version,
    response_version,
    status,
    reason,
    start_line_end,  ///< behind the CR
    fields,
  };
  struct Part;

  [[nodiscard]] Result<bool> take(std::string_view bytes, const KnownSection& known);
  [[nodiscard]] bool take_start_line(std::string_view bytes);
  [[nodiscard]] Objection step(std::string_view bytes);
  [[nodiscard]] Objection take_part(std::string_view bytes);
  void go_to(Place place);
  [[nodiscard]] Place first_part() const;
  [[nodiscard]] static Part part_at(Place place);
  /// @param part  of the start line; may not be whole yet
  [[nodiscard]] Objection objection_to(std::string_view bytes, std::string_view part, bool whole) const;
  [[nodiscard]] Error too_long() const;

  HeadKind kind_;
  HeadLimits limits_;
  Place place_ = Place::start;
  std::size_t at_ = 0;          ///< everything before it has been judged
  std::size_t line_begin_ = 0;  ///< of the start line
  std::size_t part_begin_ = 0;  ///< of the part of the start line at `at_`; then of the field section
  bool was_known_ = false;
  FieldSectionScan fields_;
};

/// Splits the request line by itself: enough where the field section is a known one.
/// @param bytes  begins with a head as HeadScan found it
/// @param head   its fields are left as they are
/// @return what follows the request line; or invalid_request if `bytes` begins with none
[[nodiscard]] Result<std::string_view> read_request_line(std::string_view bytes, RequestHead& head);

/// A target in absolute-form (RFC 9112, section 3.2.2), in parts; views into it.
struct AbsoluteTarget {
  std::string_view scheme;     ///< "http" or "https", in any case
  std::string_view authority;  ///< not empty; not judged: compare it with Host
  std::string_view
      origin;  ///< the path and query as sent: may be empty, or begin with '?', where "/" is meant
};

/// The parts of `target`; nothing if it is not http:// or https:// with an authority.
[[nodiscard]] std::optional<AbsoluteTarget> absolute_target(std::string_view target);

}  // namespace roktcached::http
