#pragma once

#include <memory>
#include <string_view>

namespace roktcached::proxy {

/// Reads JSON as a report's or metadata's body is, piece by piece: an object or an array (RFC 8259), or
/// several with white space or one comma between each two. White space around them and a byte order mark
/// before them do not count (section 8.1). Builds no tree; about 2 ms a MiB. A value of one thread at a time.
///
/// It tells a report from a sign-in page, and judges no more than that. So octets in strings that are no
/// UTF-8 pass. Nesting beyond 128 levels, a bare number, NaN and comments do not.
class ReportBodyReader {
 public:
  enum class State {
    incomplete,  ///< more must come: what has come is the beginning of such a body
    whole,       ///< what has come is such a body; more may come
    invalid,     ///< no such body begins so
  };

  ReportBodyReader();
  ~ReportBodyReader();
  ReportBodyReader(const ReportBodyReader&) = delete;
  ReportBodyReader& operator=(const ReportBodyReader&) = delete;

  void begin();  ///< with another body
  void read(std::string_view piece);
  [[nodiscard]] State state() const;

 private:
  struct Progress;
  std::unique_ptr<Progress> progress_;
};

/// Whether `body` is whole JSON as ReportBodyReader has it. Halves of surrogate pairs, which programs write
/// where they cut a text to a length, pass as well. Pure.
[[nodiscard]] bool is_whole_json(std::string_view body);

/// Whether `beginning` may be the beginning of such a body. Looks at the first octets alone.
[[nodiscard]] bool may_begin_json(std::string_view beginning);

}  // namespace roktcached::proxy
