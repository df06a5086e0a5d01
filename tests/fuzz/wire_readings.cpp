#include "tests/fuzz/wire_readings.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "core/http/chunked.h"
#include "core/http/fields.h"
#include "core/http/framing.h"

namespace roktcached::fuzz {

namespace {

namespace beast_http = boost::beast::http;
using http::Framing;
using http::HeadKind;

/// Beast keeps fields of one name together: so do we, to compare.
void add_field(Reading& reading, std::string_view name, std::string_view value) {
  auto& fields = reading.fields;
  const auto same = std::ranges::find_if(fields.rbegin(), fields.rend(), [&](const auto& field) {
    return http::equal_ignoring_case(field.first, name);
  });
  fields.emplace(same == fields.rend() ? fields.end() : same.base(), name, value);
}

Reading reading_of(const http::RequestHead& head) {
  Reading reading;
  reading.method = head.method;
  reading.target = head.target;
  reading.http11 = head.http11;
  for (const auto& field : head.fields) add_field(reading, field.name, field.value);
  reading.keeps_alive = keeps_alive(head.fields, head.http11);
  return reading;
}

Reading reading_of(const http::ResponseHead& head) {
  Reading reading;
  reading.status = head.status;
  reading.reason = head.reason;
  reading.http11 = head.http11;
  for (const auto& field : head.fields) add_field(reading, field.name, field.value);
  reading.keeps_alive = keeps_alive(head.fields, head.http11);
  return reading;
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
    const auto size = scan.scan(head, known);
    if (!size || *size != head.size() || scan.was_known() != (known == *section)) return false;
  }
  return true;
}

/// The head's reading and framing.
Result<std::pair<Reading, Framing>> read_head(const WireMessage& message, std::string_view head) {
  if (message.kind == HeadKind::request) {
    http::RequestHead request;
    if (auto read = read_request_head(head, request, {}); !read) return read.error();
    if (!is_known_again(head)) return Error{.context = "a known field section is read otherwise"};
    const auto framing = framing_of(request);
    if (!framing) return framing.error();
    return std::pair(reading_of(request), *framing);
  }
  http::ResponseHead response;
  if (auto read = read_response_head(head, response, {}); !read) return read.error();
  const auto framing = framing_of(response, message.answers_head);
  if (!framing) return framing.error();
  return std::pair(reading_of(response), *framing);
}

/// True where the content is whole.
Result<bool> read_chunks(Reading& reading, std::string_view bytes, std::size_t piece, Random& random) {
  http::ChunkDecoder decoder;  // of responses, too: Beast takes trailer fields for the head's
  while (reading.size < bytes.size()) {
    const auto step = decoder.next(bytes.substr(reading.size, 1 + random.index(piece)));
    if (!step) return step.error();
    if (step->consumed == 0 && !step->done) return Error{.context = "the decoder is stuck"};
    reading.size += step->consumed;
    reading.content += step->content;
    if (step->done) return true;
  }
  return false;
}

Result<std::optional<Reading>> read(const WireMessage& message, std::size_t piece, Random& random) {
  const std::string_view bytes = message.bytes;
  http::HeadScan scan(message.kind, {});
  std::optional<std::size_t> size;
  for (std::size_t seen = 0; !size && seen < bytes.size();) {
    seen = std::min(seen + 1 + random.index(piece), bytes.size());
    const auto found = scan.scan(bytes.substr(0, seen));
    if (!found) return found.error();
    size = *found;
  }
  if (!size) return std::optional<Reading>();
  auto head = read_head(message, bytes.substr(0, *size));
  if (!head) return head.error();
  auto& [reading, framing] = *head;
  reading.size = *size;
  switch (framing.kind) {
    case Framing::Kind::none:
      return std::optional(reading);
    case Framing::Kind::length:
      if (framing.length > bytes.size() - reading.size) return std::optional<Reading>();
      reading.content = bytes.substr(reading.size, framing.length);
      reading.size += framing.length;
      return std::optional(reading);
    case Framing::Kind::chunked: {
      const auto whole = read_chunks(reading, bytes, piece, random);
      if (!whole) return whole.error();
      return *whole ? std::optional(reading) : std::nullopt;
    }
    case Framing::Kind::until_close:
      break;
  }
  reading.content = bytes.substr(reading.size);
  reading.size = bytes.size();
  reading.keeps_alive = false;
  return std::optional(reading);
}

CacheOutcome refused_by_beast(const boost::system::error_code& error) {
  if (error == beast_http::error::need_more) return {};
  return {std::nullopt, error.message()};
}

/// Reads the head, then everything: Beast would put trailer fields among the head's.
template <bool is_request>
CacheOutcome read_with_beast(std::string_view bytes, bool answers_head) {
  beast_http::parser<is_request, beast_http::string_body> parser;
  parser.header_limit(UINT32_MAX);
  parser.body_limit(1024 * 1024);  // more than there is; Beast reserves what Content-Length says
  parser.skip(answers_head);
  boost::system::error_code error;
  Reading reading;
  reading.size = parser.put(boost::asio::buffer(bytes), error);
  if (error) return refused_by_beast(error);
  const auto& head = parser.get();
  for (const auto& field : head) add_field(reading, field.name_string(), field.value());
  reading.http11 = head.version() == 11;
  if constexpr (is_request) {
    reading.method = std::string_view(head.method_string());
    reading.target = std::string_view(head.target());
  } else {
    reading.status = head.result_int();
    // head.reason() would make up a phrase for an empty one.
    const bool has_reason = !bytes.substr(std::string_view("HTTP/1.1 200").size()).starts_with(" \r\n");
    if (has_reason) reading.reason = std::string_view(head.reason());
  }
  parser.eager(true);
  while (!parser.is_done() && reading.size < bytes.size()) {
    const std::size_t taken = parser.put(boost::asio::buffer(bytes.substr(reading.size)), error);
    if (error) return refused_by_beast(error);
    reading.size += taken;
  }
  if (!parser.is_done() && parser.need_eof()) parser.put_eof(error);
  if (error) return refused_by_beast(error);
  if (!parser.is_done()) return {};
  reading.content = parser.get().body();
  reading.keeps_alive = parser.keep_alive();
  return {reading, std::nullopt};
}

bool is_list_of_tokens(std::string_view value) {
  return std::ranges::all_of(http::list_members(value), http::is_token);
}

}  // namespace

CacheOutcome our_reading(const WireMessage& message, std::size_t piece, Random& random) {
  const auto found = read(message, piece, random);
  if (!found) return {std::nullopt, found.error().context};
  return {*found, std::nullopt};
}

/// The start line as Beast can read it: of HTTP/1.1 where it is of a later HTTP/1 (RFC 9110, section 2.5),
/// and with the space behind a status code.
/// @return how many bytes it is longer now
std::size_t put_start_line_right(std::string& bytes, HeadKind kind) {
  constexpr std::string_view version = "HTTP/1.";
  const std::size_t end = bytes.find("\r\n");
  const std::string_view line = std::string_view(bytes).substr(0, end);
  const std::size_t at = kind == HeadKind::request ? line.rfind(' ') + 1 : 0;
  const std::size_t digit = at + version.size();
  if (end == std::string::npos || line.size() <= digit || !line.substr(at).starts_with(version)) return 0;
  const bool bare_status = kind == HeadKind::response && end == std::string_view("HTTP/1.1 200").size();
  if (bytes[digit] > '1' && bytes[digit] <= '9') bytes[digit] = '1';
  if (bare_status) bytes.insert(end, " ");
  return bare_status ? 1 : 0;
}

CacheOutcome beast_reading(const WireMessage& message) {
  if (message.kind == HeadKind::response) {
    std::string bytes = message.bytes;
    const std::size_t longer = put_start_line_right(bytes, message.kind);
    CacheOutcome outcome = read_with_beast<false>(bytes, message.answers_head);
    if (outcome.reading) outcome.reading->size -= longer;
    return outcome;
  }
  // RFC 9112, section 2.2: an empty line before a request is skipped. Beast takes it for a bad method.
  const std::size_t skipped = message.bytes.starts_with("\r\n") ? 2 : 0;
  std::string bytes = message.bytes.substr(skipped);
  put_start_line_right(bytes, message.kind);
  CacheOutcome outcome = read_with_beast<true>(bytes, false);
  if (outcome.reading) outcome.reading->size += skipped;
  return outcome;
}

const char* rule_that_beast_breaks(const Reading& ours) {
  bool close = false;
  bool keep_alive = false;
  for (const auto& [name, value] : ours.fields) {
    if (!http::equal_ignoring_case(name, "Connection")) continue;
    if (!is_list_of_tokens(value)) return rule_of_connection_lists;
    for (const auto option : http::list_members(value)) {
      close = close || http::equal_ignoring_case(option, "close");
      keep_alive = keep_alive || http::equal_ignoring_case(option, "keep-alive");
    }
  }
  if (close && keep_alive && !ours.http11) return rule_of_close_in_http10;
  return nullptr;
}

std::string to_text(const CacheOutcome& outcome) {
  if (outcome.refused) return "refused: " + *outcome.refused;
  if (!outcome.reading) return "not whole";
  const Reading& reading = *outcome.reading;
  std::string text = reading.method + " " + reading.target + " " + std::to_string(reading.status) + " " +
                     reading.reason + (reading.http11 ? " HTTP/1.1" : " HTTP/1.0") +
                     (reading.keeps_alive ? ", keeps alive, " : ", closes, ") + std::to_string(reading.size) +
                     " bytes, content [" + reading.content + "]";
  for (const auto& [name, value] : reading.fields)
    text.append(" ").append(name).append("=[").append(value).append("]");
  return text;
}

}  // namespace roktcached::fuzz
