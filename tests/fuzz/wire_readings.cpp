#include "tests/fuzz/wire_readings.h"

#include <algorithm>

#include "core/http/fields.h"
#include "core/http/framing.h"
#include "server/http/message_parser.h"

namespace roktcached::fuzz {

namespace {

using http::HeadKind;

template <class Head>
void add_fields(Reading& reading, const Head& head) {
  reading.http11 = head.http11;
  reading.keeps_alive = keeps_alive(head.fields, head.http11);
  for (const auto& field : head.fields) reading.fields.emplace_back(field.name, field.value);
}

/// Whether a head is let pass as it was where its field section, and where another one that begins as it
/// does, is known.
bool is_known_again(std::string_view head) {
  http::RequestHead request;
  const auto section = read_request_line(head, request);
  if (!section) return false;
  const std::string longer = std::string(*section) + "X: 1\r\n\r\n";
  for (const std::string_view known :
       {*section, std::string_view(longer), std::string_view("Y: 2\r\n\r\n")}) {
    http::HeadScan scan(HeadKind::request, {});
    const auto size = scan.scan(head, {.text = known});
    if (!size || *size != head.size() || scan.was_known() != (known == *section)) return false;
  }
  return true;
}

/// Whether `other` has the same fields as `head`, but for the value of one that is `value`.
bool differs_in_one_value(std::string_view other, const http::RequestHead& head, std::size_t one,
                          std::string_view value) {
  http::HeadScan scan(HeadKind::request, {});
  http::RequestParser parser;
  http::RequestHead read;
  if (!scan.scan(other) || !parser.read_head(other, scan, read) || read.fields.size() != head.fields.size())
    return false;
  for (std::size_t i = 0; i < read.fields.size(); ++i) {
    if (read.fields[i].name != head.fields[i].name) return false;
    if (read.fields[i].value != (i == one ? value : head.fields[i].value)) return false;
  }
  return true;
}

/// Whether each head that is let pass for another value in a known section has its other fields, and that
/// value.
/// @param head  a view into `bytes`
bool is_known_with_another_value(std::string_view bytes, const http::RequestHead& head) {
  http::RequestHead line;
  const auto section = read_request_line(bytes, line);
  if (!section) return false;
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    const auto [name, value] = head.fields[i];
    const bool frames = http::equal_ignoring_case(name, "Content-Length") ||
                        http::equal_ignoring_case(name, "Transfer-Encoding") ||
                        http::equal_ignoring_case(name, "Connection") ||
                        http::equal_ignoring_case(name, "Upgrade");
    if (frames || value.empty()) continue;
    const auto at = static_cast<std::size_t>(value.data() - bytes.data());
    const http::KnownSection known{*section, at - (bytes.size() - section->size()), value.size()};
    for (const std::string_view pattern : {"key", " key", "k\t", "k\r\nX:", "\r\n", "\n", "\xe4\x7f"}) {
      std::string another;
      while (another.size() < value.size()) another += pattern;
      another.resize(value.size());
      const std::string other = std::string(bytes).replace(at, another.size(), another);
      http::HeadScan scan(HeadKind::request, {});
      const auto size = scan.scan(other, known);
      if (!size || !scan.was_known()) continue;
      if (*size != bytes.size() || !differs_in_one_value(other, head, i, another)) return false;
    }
  }
  return true;
}

/// @return the size of the head; 0 while it is not whole
Result<std::size_t> take_head(std::string_view bytes, http::HeadScan& scan, const WireMessage&,
                              std::optional<http::RequestParser>& parser, Reading& reading) {
  const auto size = scan.scan(bytes);
  if (!size) return size.error();
  if (!*size) return std::size_t{0};
  const std::string_view head = bytes.substr(0, **size);
  http::RequestHead request;
  if (auto read = parser.emplace().read_head(head, scan, request); !read) return read.error();
  if (!is_known_again(head) || !is_known_with_another_value(head, request))
    return Error{.context = "a known field section is read otherwise"};
  reading.method = request.method;
  reading.target = request.target;
  add_fields(reading, request);
  const auto framing = framing_of(request);
  if (!framing) return framing.error();
  return **size;
}

Result<std::size_t> take_head(std::string_view bytes, http::HeadScan& scan, const WireMessage& message,
                              std::optional<http::ResponseParser>& parser, Reading& reading) {
  http::ResponseHead response;
  const auto size = http::read_response_head(bytes, scan, message.answers_head, parser, response);
  if (!size || *size == 0) return size;
  reading.status = response.status;
  add_fields(reading, response);
  const auto framing = framing_of(response, message.answers_head);
  if (!framing) return framing.error();
  return size;
}

/// True if the content is whole.
template <class Parser>
Result<bool> take_content(Reading& reading, Parser& parser, std::string_view bytes, std::size_t piece,
                          Random& random) {
  while (!parser.done() && reading.size < bytes.size()) {
    const auto step = parser.next(bytes.substr(reading.size, 1 + random.index(piece)));
    if (!step) return step.error();
    if (step->consumed == 0 && !parser.done()) return Error{.context = "the parser is stuck"};
    reading.size += step->consumed;
    reading.content += step->content;
  }
  return parser.done();
}

template <class Parser>
Result<std::optional<Reading>> read(const WireMessage& message, std::size_t piece, Random& random) {
  const std::string_view bytes = message.bytes;
  http::HeadScan scan(message.kind, {});
  std::optional<Parser> parser;
  Reading reading;
  for (std::size_t seen = 0; reading.size == 0 && seen < bytes.size();) {
    seen = std::min(seen + 1 + random.index(piece), bytes.size());
    const auto size = take_head(bytes.substr(0, seen), scan, message, parser, reading);
    if (!size) return size.error();
    reading.size = *size;
  }
  if (reading.size == 0) return std::optional<Reading>();
  const auto whole = take_content(reading, *parser, bytes, piece, random);
  if (!whole) return whole.error();
  if (parser->ends_with_connection()) reading.keeps_alive = false;
  if (*whole || parser->ends_with_connection()) return std::optional(reading);
  return std::optional<Reading>();
}

}  // namespace

CacheOutcome our_reading(const WireMessage& message, std::size_t piece, Random& random) {
  const auto found = message.kind == HeadKind::request ? read<http::RequestParser>(message, piece, random)
                                                       : read<http::ResponseParser>(message, piece, random);
  if (!found) return {std::nullopt, found.error().context};
  return {*found, std::nullopt};
}

std::string to_text(const CacheOutcome& outcome) {
  if (outcome.refused) return "refused: " + *outcome.refused;
  if (!outcome.reading) return "not whole";
  const Reading& reading = *outcome.reading;
  std::string text = reading.method + " " + reading.target + " " + std::to_string(reading.status) +
                     (reading.http11 ? " HTTP/1.1" : " HTTP/1.0") +
                     (reading.keeps_alive ? ", keeps alive, " : ", closes, ") + std::to_string(reading.size) +
                     " bytes, content [" + reading.content + "]";
  for (const auto& [name, value] : reading.fields)
    text.append(" ").append(name).append("=[").append(value).append("]");
  return text;
}

}  // namespace roktcached::fuzz
