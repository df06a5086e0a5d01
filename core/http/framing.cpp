#include "core/http/framing.h"

#include <charconv>
#include <optional>

#include "core/ascii.h"
#include "core/http/fields.h"

namespace roktcached::http {

namespace {

Error bad_framing(const char* why) {
  return {.code = ErrorCode::invalid_request, .context = why};
}

/// The framing that a head declares, whatever the message is.
struct Declared {
  std::optional<std::uint64_t> length;
  bool chunked = false;

  [[nodiscard]] bool content() const { return chunked || length.value_or(0) > 0; }
  [[nodiscard]] Framing framing() const {
    if (chunked) return {Framing::Kind::chunked, 0};
    if (content()) return {Framing::Kind::length, *length};
    return {};
  }
};

/// Content-Length = 1*DIGIT (RFC 9110, section 8.6). Section 8.6 would let a recipient take a list of equal
/// lengths for one: that is refused.
Result<std::uint64_t> length_of(std::string_view value) {
  std::uint64_t length = 0;
  if (!are_digits(value)) return bad_framing("Content-Length: accepted: digits");
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
  if (error != std::errc() || length > INT64_MAX) return bad_framing("Content-Length: too large");
  return length;
}

/// RFC 9112, sections 6.1 to 6.3.
Result<Declared> declared_by(const std::vector<FieldLine>& fields, bool http11) {
  Declared declared;
  for (const FieldLine& field : fields) {
    if (equal_ignoring_case(field.name, "Content-Length")) {
      if (declared.length) return bad_framing("Content-Length: repeated");
      const auto length = length_of(field.value);
      if (!length) return length.error();
      declared.length = *length;
    } else if (equal_ignoring_case(field.name, "Transfer-Encoding")) {
      if (declared.chunked) return bad_framing("Transfer-Encoding: repeated");
      if (!http11) return bad_framing("Transfer-Encoding: not in HTTP/1.0");
      if (!equal_ignoring_case(field.value, "chunked"))
        return bad_framing("Transfer-Encoding: accepted: chunked");
      declared.chunked = true;
    }
  }
  if (declared.chunked && declared.length) return bad_framing("Transfer-Encoding: not beside Content-Length");
  return declared;
}

}  // namespace

Result<Framing> framing_of(const RequestHead& head) {
  const auto declared = declared_by(head.fields, head.http11);
  if (!declared) return declared.error();
  const bool bare = head.method == "GET" || head.method == "HEAD";
  if (bare && declared->content()) return bad_framing("GET and HEAD are not accepted with content");
  return declared->framing();
}

Result<Framing> framing_of(const ResponseHead& head, bool answers_head) {
  const auto declared = declared_by(head.fields, head.http11);
  if (!declared) return declared.error();
  // RFC 9110, section 15.2.2; and section 8.6 with RFC 9112, section 6.1, for what no 1xx and no 204 may say.
  if (head.status == 101) return bad_framing("101: no other protocol was asked for");
  if (head.status < 200 && (declared->length || declared->chunked))
    return bad_framing("a 1xx response has neither Content-Length nor Transfer-Encoding");
  if (head.status == 204 && declared->content()) return bad_framing("a 204 response has no content");
  // RFC 9112, section 6.3, rules 1, 4 to 6, and 8.
  if (answers_head || head.status < 200 || head.status == 204 || head.status == 304) return Framing{};
  if (declared->chunked || declared->length) return declared->framing();
  return Framing{Framing::Kind::until_close, 0};
}

bool keeps_alive(const std::vector<FieldLine>& fields, bool http11) {
  if (lists(fields, "Connection", "close")) return false;
  return http11 || lists(fields, "Connection", "keep-alive");
}

}  // namespace roktcached::http
