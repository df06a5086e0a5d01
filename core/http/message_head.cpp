#include "core/http/message_head.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/http/fields.h"
#include "core/http/octets.h"

namespace roktcached::http {

using enum Octet;

namespace {

constexpr std::size_t max_method = 32;

Error bad_head(std::string why, ErrorCode code = ErrorCode::invalid_request) {
  return {.code = code, .context = std::move(why)};
}

constexpr std::string_view major_version = "HTTP/1.";

/// HTTP-version = "HTTP/" DIGIT "." DIGIT, in capitals (RFC 9112, section 2.3).
Objection version_objection(std::string_view part, bool whole) {
  const bool begun = !whole && major_version.starts_with(part);
  const bool complete =
      part.size() == major_version.size() + 1 && part.starts_with(major_version) && is(digit, part.back());
  if (begun || complete) return {};
  return {"the version is not HTTP/1. and one digit"};
}

/// The forms of a target that are ours (RFC 9112, section 3.2). CONNECT knows none of them.
Objection target_objection(std::string_view method, std::string_view target) {
  if (method == "CONNECT") return {"CONNECT: this is no tunnel"};
  if (target == "*" && method != "OPTIONS") return {"target: '*' is for OPTIONS only"};
  if (target == "*" || target.starts_with('/') || absolute_target(target)) return {};
  return {"target: accepted: a path that begins with '/', or a http or https URI with a host"};
}

/// status-code = 3DIGIT, and RFC 9110, section 15 has no class of it beyond 5xx.
Objection status_objection(std::string_view part, bool whole) {
  const bool in_class = part.empty() || (part[0] >= '1' && part[0] <= '5');
  if (in_class && part.size() <= 3 && (!whole || part.size() == 3)) return {};
  return {"the status code is not three digits from 100 to 599"};
}

/// @return behind the line's CRLF; 0 if it is not whole, or not as nearly all are
std::size_t end_of_usual_request_line(std::string_view bytes) {
  constexpr std::string_view end = " HTTP/1.1\r\n";
  const std::size_t method_end = run_end(tchar, bytes, 0);
  const std::string_view method = bytes.substr(0, method_end);
  if (method.empty() || method.size() > max_method || !bytes.substr(method_end).starts_with(' ')) return 0;
  const std::size_t target_end = run_end(vchar, bytes, method_end + 1);
  const std::string_view target = bytes.substr(method_end + 1, target_end - method_end - 1);
  if (!bytes.substr(target_end).starts_with(end) || target_objection(method, target)) return 0;
  return target_end + end.size();
}

/// The same for a status line.
std::size_t end_of_usual_status_line(std::string_view bytes) {
  constexpr std::string_view version = "HTTP/1.1 ";
  constexpr std::size_t code_size = 3;
  constexpr std::size_t code_end = version.size() + code_size;
  if (!bytes.starts_with(version) || bytes.size() <= code_end || bytes[code_end] != ' ') return 0;
  const std::string_view code = bytes.substr(version.size(), code_size);
  if (run_end(digit, code, 0) != code_size || status_objection(code, true)) return 0;
  const std::size_t reason_end = run_end(field_octet, bytes, code_end + 1);
  return bytes.substr(reason_end).starts_with("\r\n") ? reason_end + 2 : 0;
}

}  // namespace

/// A part of the start line: octets of one class up to the one that ends it.
struct HeadScan::Part {
  Octet octets;
  char end;
  Place next;
  const char* wrong;  ///< where another octet comes
};

/// request-line = method SP request-target SP HTTP-version CRLF (RFC 9112, section 3);
/// status-line = HTTP-version SP status-code SP [ reason-phrase ] CRLF (section 4), of which the second space
/// may be missing where there is no reason.
HeadScan::Part HeadScan::part_at(Place place) {
  switch (place) {
    case Place::method:
      return {tchar, ' ', Place::target, "the method is a token, and one space follows it"};
    case Place::target:
      return {vchar, ' ', Place::request_version,
              "the target is visible ASCII, and a space and the version follow it"};
    case Place::request_version:
      return {vchar, '\r', Place::start_line_end, "the line ends behind the version, in CRLF"};
    case Place::response_version:
      return {vchar, ' ', Place::status, "one space follows the version"};
    case Place::status:
      return {digit, ' ', Place::reason, "one space follows the status code, which is digits"};
    default:
      return {field_octet, '\r', Place::start_line_end,
              "a bare LF or a control character in the reason phrase"};
  }
}

HeadScan::HeadScan(HeadKind kind, HeadLimits limits)
    : kind_(kind), limits_(limits), fields_(limits.max_fields) {}

void HeadScan::reset() {
  place_ = Place::start;
  at_ = line_begin_ = part_begin_ = 0;
  if (!std::exchange(was_known_, false)) fields_.reset();  // else it has read nothing
}

Result<std::optional<std::size_t>> HeadScan::scan(std::string_view bytes, const KnownSection& known) {
  const auto whole = take(bytes.substr(0, limits_.max_bytes), known);
  if (!whole) return whole.error();
  if (*whole) return std::optional(at_);
  if (bytes.size() >= limits_.max_bytes) return too_long();
  return std::optional<std::size_t>();
}

/// @return true if the head is whole
Result<bool> HeadScan::take(std::string_view bytes, const KnownSection& known) {
  if (place_ == Place::start && take_start_line(bytes)) go_to(Place::fields);
  while (place_ != Place::fields) {
    if (at_ >= bytes.size()) return false;
    if (const Objection objection = step(bytes)) return bad_head(objection.why, objection.code);
  }
  if (at_ == part_begin_ && known.begins(bytes.substr(at_))) {
    at_ += known.text.size();
    was_known_ = true;
    return true;
  }
  return fields_.scan(bytes, at_);
}

/// Takes a whole start line that nothing is wrong with: the way of nearly all.
/// @return false: step() is to find out what comes instead
bool HeadScan::take_start_line(std::string_view bytes) {
  at_ = kind_ == HeadKind::request ? end_of_usual_request_line(bytes) : end_of_usual_status_line(bytes);
  return at_ > 0;
}

Objection HeadScan::step(std::string_view bytes) {
  switch (place_) {
    case Place::start:
      if (kind_ == HeadKind::request && bytes[at_] == '\r') {
        ++at_;
        go_to(Place::empty_line_end);
      } else {
        go_to(first_part());
      }
      return {};
    case Place::empty_line_end:
    case Place::start_line_end:
      // RFC 9112, section 2.2.
      if (bytes[at_] != '\n') return {"a bare CR ends no line"};
      ++at_;
      go_to(place_ == Place::start_line_end ? Place::fields : first_part());
      return {};
    default:
      return take_part(bytes);
  }
}

Objection HeadScan::take_part(std::string_view bytes) {
  const Part part = part_at(place_);
  at_ = run_end(part.octets, bytes, at_);
  const std::string_view text = bytes.substr(part_begin_, at_ - part_begin_);
  const bool ended = at_ < bytes.size();
  const bool no_reason = place_ == Place::status && ended && bytes[at_] == '\r';
  const bool whole = no_reason || (ended && bytes[at_] == part.end);
  if (const Objection objection = objection_to(bytes, text, whole)) return objection;
  if (!ended) return {};
  if (!whole) return {part.wrong};
  ++at_;
  go_to(no_reason ? Place::start_line_end : part.next);
  return {};
}

void HeadScan::go_to(Place place) {
  if (place == first_part()) line_begin_ = at_;
  place_ = place;
  part_begin_ = at_;
}

HeadScan::Place HeadScan::first_part() const {
  return kind_ == HeadKind::request ? Place::method : Place::response_version;
}

Objection HeadScan::objection_to(std::string_view bytes, std::string_view part, bool whole) const {
  switch (place_) {
    case Place::method:
      if (part.size() > max_method) return {"the method is longer than 32 bytes"};
      if (whole && part.empty()) return {"there is no method"};
      return {};
    case Place::target:
      if (!whole) return {};
      return target_objection(bytes.substr(line_begin_, part_begin_ - 1 - line_begin_), part);
    case Place::request_version:
    case Place::response_version:
      return version_objection(part, whole);
    case Place::status:
      return status_objection(part, whole);
    default:
      return {};
  }
}

/// RFC 9110, section 15.5.15, where not even the request line has its end; else RFC 6585, section 5.
Error HeadScan::too_long() const {
  const std::string limit = " is longer than " + std::to_string(limits_.max_bytes) + " bytes";
  const bool in_line = kind_ == HeadKind::request && place_ != Place::fields;
  return in_line ? bad_head("the request line" + limit, ErrorCode::target_too_long)
                 : bad_head("the head" + limit, ErrorCode::fields_too_large);
}

Result<std::string_view> read_request_line(std::string_view bytes, RequestHead& head) {
  if (bytes.starts_with("\r\n")) bytes.remove_prefix(2);
  const std::size_t end = bytes.find("\r\n");
  if (end == std::string_view::npos) return bad_head("there is no request line");
  const std::string_view line = bytes.substr(0, end);
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == last) return bad_head("a request line has three parts");
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, last - first - 1);
  head.http11 = line.substr(last + 1) != "HTTP/1.0";
  return bytes.substr(end + 2);
}

std::optional<AbsoluteTarget> absolute_target(std::string_view target) {
  const std::size_t colon = target.find(':');
  const std::string_view scheme = target.substr(0, colon);
  if (!equal_ignoring_case(scheme, "http") && !equal_ignoring_case(scheme, "https")) return std::nullopt;
  std::string_view rest = target.substr(scheme.size());
  if (!rest.starts_with("://")) return std::nullopt;
  rest.remove_prefix(3);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  if (authority.empty()) return std::nullopt;
  return AbsoluteTarget{scheme, authority, rest.substr(authority.size())};
}

}  // namespace roktcached::http
