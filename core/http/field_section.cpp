#include "core/http/field_section.h"

#include <algorithm>

#include "core/http/fields.h"
#include "core/http/octets.h"

namespace roktcached::http {

using enum Octet;

bool KnownSection::begins(std::string_view bytes) const {
  if (secret_size == 0) return !text.empty() && bytes.starts_with(text);
  const std::string_view before = text.substr(0, secret);
  const std::string_view behind = text.substr(secret + secret_size);
  if (bytes.size() < text.size() || !bytes.starts_with(before)) return false;
  const std::string_view value = bytes.substr(secret, secret_size);
  // A space at its end would not be the value's.
  return run_end(field_octet, value, 0) == value.size() && !is(space_or_tab, value.front()) &&
         !is(space_or_tab, value.back()) && bytes.substr(secret + secret_size).starts_with(behind);
}

void FieldSectionScan::reset() {
  state_ = State::line_start;
  fields_ = 0;
  places_.clear();
}

Result<bool> FieldSectionScan::scan(std::string_view bytes, std::size_t& at) {
  while (state_ != State::done && at < bytes.size()) {
    if (take_line(bytes, at)) continue;
    if (const Objection objection = step(bytes, at)) {
      return Error{.code = objection.code,
                   .context = "field line " + std::to_string(fields_) + ": " + objection.why};
    }
  }
  return state_ == State::done;
}

/// Takes a whole field line that nothing is wrong with: the way of nearly all.
/// @return false: step() is to find out what comes instead
bool FieldSectionScan::take_line(std::string_view bytes, std::size_t& at) {
  if (state_ != State::line_start || fields_ >= max_fields_) return false;
  const std::size_t colon = run_end(tchar, bytes, at);
  if (colon == at || colon == bytes.size() || bytes[colon] != ':') return false;
  const std::size_t end = run_end(field_octet, bytes, colon + 1);
  if (!bytes.substr(end).starts_with("\r\n")) return false;
  ++fields_;
  add_line(bytes, at, colon, end);
  at = end + 2;
  return true;
}

/// @param end  of the line, where its CRLF is, or will be
void FieldSectionScan::add_line(std::string_view bytes, std::size_t name, std::size_t colon,
                                std::size_t end) {
  std::size_t value = colon + 1;
  while (value < end && is(space_or_tab, bytes[value])) ++value;
  while (end > value && is(space_or_tab, bytes[end - 1])) --end;
  const auto number = [](std::size_t size) { return static_cast<std::uint32_t>(size); };
  places_.push_back({number(name), number(colon - name), number(value), number(end - value)});
}

/// Takes one octet at least, of `field-line = field-name ":" OWS field-value OWS CRLF` (RFC 9112, section 5).
Objection FieldSectionScan::step(std::string_view bytes, std::size_t& at) {
  switch (state_) {
    case State::line_start:
      if (bytes[at] == '\r') {
        state_ = State::section_end;
        break;
      }
      ++fields_;
      // RFC 9112, section 5.2: obs-fold is refused. Before the first field line it is section 2.2's.
      if (is(space_or_tab, bytes[at])) return {"begins with a space: folded lines are not taken"};
      if (bytes[at] == '\n') return {"a bare LF"};
      if (!is(tchar, bytes[at])) return {"a field name is a token"};
      if (fields_ > max_fields_) return {"there are too many", ErrorCode::fields_too_large};
      state_ = State::name;
      name_ = at;
      break;
    case State::name:
      at = run_end(tchar, bytes, at);
      if (at == bytes.size()) return {};
      // RFC 9112, section 5.1.
      if (is(space_or_tab, bytes[at])) return {"a space in the field name or before the colon"};
      if (bytes[at] != ':') return {"a field name is a token, and a colon follows it"};
      state_ = State::value;
      colon_ = at;
      break;
    case State::value:
      at = run_end(field_octet, bytes, at);
      if (at == bytes.size()) return {};
      if (bytes[at] == '\n') return {"a bare LF"};
      // RFC 9110, section 5.5.
      if (bytes[at] != '\r') return {"a control character in the field value"};
      add_line(bytes, name_, colon_, at);
      state_ = State::line_end;
      break;
    case State::line_end:
    case State::section_end:
      if (bytes[at] != '\n') return {"a bare CR"};  // RFC 9112, section 2.2
      state_ = state_ == State::line_end ? State::line_start : State::done;
      break;
    case State::done:
      return {};
  }
  ++at;
  return {};
}

std::optional<std::string_view> find(const std::vector<FieldLine>& fields, std::string_view name) {
  const auto found = std::ranges::find_if(
      fields, [name](const FieldLine& field) { return equal_ignoring_case(field.name, name); });
  if (found == fields.end()) return std::nullopt;
  return found->value;
}

bool lists(const std::vector<FieldLine>& fields, std::string_view name, std::string_view token) {
  for (const FieldLine& field : fields) {
    if (!equal_ignoring_case(field.name, name)) continue;
    for (std::string_view rest = field.value; !rest.empty();) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      if (equal_ignoring_case(trimmed(rest.substr(0, comma)), token)) return true;
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return false;
}

}  // namespace roktcached::http
