#include "tests/fuzz/plain_reading.h"

#include <algorithm>
#include <cctype>
#include <regex>

namespace roktcached::fuzz {

namespace {

using Lines = std::vector<std::string>;
using FieldsRead = std::vector<std::pair<std::string, std::string>>;

/// Thrown by whatever finds that the message is malformed, or that its end is missing.
struct Refused {
  std::string why;
};
struct NotWhole {};

void require(bool holds, const char* rule) {
  if (!holds) throw Refused{rule};
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_token_char(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter || is_digit(c) || (c != '\0' && std::string("!#$%&'*+-.^_`|~").find(c) != std::string::npos);
}

bool is_visible(char c) {
  return c > ' ' && c < 0x7f;
}

bool is_text(char c) {
  return is_visible(c) || c == ' ' || c == '\t' || static_cast<unsigned char>(c) >= 0x80;
}

bool all(const std::string& text, bool (*of_kind)(char)) {
  return std::all_of(text.begin(), text.end(), of_kind);
}

bool is_token(const std::string& text) {
  return !text.empty() && all(text, is_token_char);
}

std::string in_lower_case(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return text;
}

std::string without_outer_blanks(std::string text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.back())) text.pop_back();
  while (!text.empty() && blank(text.front())) text.erase(0, 1);
  return text;
}

Lines split(const std::string& text, const std::string& separator) {
  Lines parts;
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = text.find(separator, begin)) != std::string::npos;
       begin = end + separator.size())
    parts.push_back(text.substr(begin, end - begin));
  parts.push_back(text.substr(begin));
  return parts;
}

/// @return what stands before the first `mark`, which is taken off `rest` with it
std::string take_up_to(std::string& rest, const std::string& mark) {
  const std::size_t end = rest.find(mark);
  if (end == std::string::npos) throw NotWhole();
  std::string taken = rest.substr(0, end);
  rest.erase(0, end + mark.size());
  return taken;
}

/// RFC 9112, section 2.3; a later minor version is read as 1.1 (RFC 9110, section 2.5).
bool is_http11(const std::string& version) {
  require(version.size() == 8 && version.substr(0, 7) == "HTTP/1." && is_digit(version[7]), "the version");
  return version[7] != '0';
}

/// RFC 9112, section 3.2, less authority-form.
bool is_target(const std::string& method, const std::string& target) {
  if (method == "CONNECT" || !all(target, is_visible)) return false;
  if (target == "*") return method == "OPTIONS";
  const std::string lower = in_lower_case(target);
  for (const std::string scheme : {"http://", "https://"}) {
    if (lower.substr(0, scheme.size()) != scheme) continue;
    return target.size() > scheme.size() && target[scheme.size()] != '/' && target[scheme.size()] != '?';
  }
  return !target.empty() && target[0] == '/';
}

void read_request_line(const std::string& line, Reading& reading) {
  const Lines parts = split(line, " ");
  require(parts.size() == 3, "a request line has three parts");
  require(is_token(parts[0]) && parts[0].size() <= 32, "the method");
  require(is_target(parts[0], parts[1]), "the target");
  reading.method = parts[0];
  reading.target = parts[1];
  reading.http11 = is_http11(parts[2]);
}

void read_status_line(const std::string& line, Reading& reading) {
  require(line.size() >= 12 && line[8] == ' ', "a status line has a version and a code");
  reading.http11 = is_http11(line.substr(0, 8));
  const std::string code = line.substr(9, 3);
  require(all(code, is_digit) && code[0] >= '1' && code[0] <= '5', "the status code");
  reading.status = static_cast<unsigned>(std::stoul(code));
  if (line.size() == 12) return;
  require(line[12] == ' ' && all(line.substr(13), is_text), "the reason phrase");
}

std::pair<std::string, std::string> read_field(const std::string& line) {
  const std::size_t colon = line.find(':');
  require(colon != std::string::npos && is_token(line.substr(0, colon)), "the field name");
  const std::string value = line.substr(colon + 1);
  require(all(value, is_text), "the field value");
  return {line.substr(0, colon), without_outer_blanks(value)};
}

Lines values_of(const FieldsRead& fields, const std::string& lower_name) {
  Lines values;
  for (const auto& [name, value] : fields) {
    if (in_lower_case(name) == lower_name) values.push_back(value);
  }
  return values;
}

/// RFC 9112, section 9.3.
bool keeps_alive(const Reading& reading) {
  bool close = false;
  bool keep_alive = false;
  for (const auto& value : values_of(reading.fields, "connection")) {
    for (const auto& option : split(value, ",")) {
      close = close || in_lower_case(without_outer_blanks(option)) == "close";
      keep_alive = keep_alive || in_lower_case(without_outer_blanks(option)) == "keep-alive";
    }
  }
  return !close && (reading.http11 || keep_alive);
}

/// RFC 9112, section 6.3, and what is stricter here.
struct Declared {
  std::optional<std::uint64_t> length;
  bool chunked = false;
};

Declared declared_by(const Reading& reading) {
  Declared declared;
  const Lines lengths = values_of(reading.fields, "content-length");
  const Lines codings = values_of(reading.fields, "transfer-encoding");
  require(lengths.size() + codings.size() <= 1, "framing is declared twice");
  if (!codings.empty()) {
    require(reading.http11 && in_lower_case(codings[0]) == "chunked",
            "the only coding is chunked, of HTTP/1.1");
    declared.chunked = true;
  }
  if (lengths.empty()) return declared;
  std::string digits = lengths[0];
  require(!digits.empty() && all(digits, is_digit), "a length is digits");
  digits.erase(0, digits.find_first_not_of('0'));
  const std::string most = "9223372036854775807";
  require(digits.size() < most.size() || (digits.size() == most.size() && digits <= most),
          "a length too large");
  declared.length = digits.empty() ? 0 : std::stoull(digits);
  return declared;
}

/// chunk-size [ chunk-ext ] (RFC 9112, section 7.1.1).
std::size_t read_chunk_line(const std::string& line) {
  static const std::string token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
  static const std::string quoted = "\"([^\"\\\\]|\\\\.)*\"";
  static const std::regex grammar("0*([0-9A-Fa-f]{0,8})([ \t]*;[ \t]*" + token + "([ \t]*=[ \t]*(" + token +
                                  "|" + quoted + "))?)*");
  require(line.size() <= 256 && all(line, is_text), "a chunk line");
  require(!line.empty() && std::isxdigit(static_cast<unsigned char>(line[0])) != 0, "a chunk size");
  std::smatch parts;
  require(std::regex_match(line, parts, grammar), "a chunk size or its extensions");
  const std::string digits = parts[1];
  return digits.empty() ? 0 : std::stoul(digits, nullptr, 16);
}

/// RFC 9110, section 6.5.1.
bool belongs_in_the_head(const std::string& name) {
  static const std::regex names(
      "content-(length|encoding|type|range|location)|transfer-encoding|te|trailer|host|origin|connection|"
      "keep-alive|"
      "upgrade|http2-settings|proxy-(connection|authenticate|authorization|authentication-info)|"
      "authorization|"
      "cookie|set-cookie|www-authenticate|x-api-key|expect|max-forwards|pragma|range|if-(match|none-match|"
      "range)|"
      "if-(un)?modified-since|age|cache-control|date|expires|location|retry-after|vary|warning");
  return std::regex_match(in_lower_case(name), names);
}

void read_trailers(std::string& rest, bool any_name) {
  constexpr std::size_t max_bytes = 8192;
  // The empty line may come at once.
  std::string section = rest.substr(0, 2) == "\r\n" ? "" : rest.substr(0, rest.find("\r\n\r\n"));
  const std::size_t size = section.empty() ? 2 : section.size() + 4;
  require(std::min(size, rest.size()) <= max_bytes, "a trailer section of more than 8 KiB");
  if (rest.size() < size) throw NotWhole();
  rest.erase(0, size);
  if (section.empty()) return;
  const Lines lines = split(section, "\r\n");
  require(lines.size() <= 32, "more than 32 trailer fields");
  for (const auto& line : lines) {
    const auto field = read_field(line);
    require(any_name || !belongs_in_the_head(field.first), "a trailer field that belongs in the head");
  }
}

/// @return the content, which is taken off `rest`
std::string read_chunks(std::string& rest, bool any_trailer) {
  constexpr std::int64_t most_credit = 16384;
  std::string content;
  std::int64_t credit = most_credit;
  while (true) {
    const std::string line = take_up_to(rest, "\r\n");
    const std::size_t size = read_chunk_line(line);
    credit -= static_cast<std::int64_t>(line.size()) + 2;
    require(credit >= 0, "too much of chunk lines");
    if (size == 0) break;
    if (rest.size() < size + 2) throw NotWhole();
    content += rest.substr(0, size);
    require(rest.substr(size, 2) == "\r\n", "a chunk is longer than its size");
    rest.erase(0, size + 2);
    credit = std::min(most_credit, credit + 16 * static_cast<std::int64_t>(size)) - 2;
  }
  read_trailers(rest, any_trailer);
  return content;
}

std::string read_length(std::string& rest, std::uint64_t length) {
  if (rest.size() < length) throw NotWhole();
  std::string content = rest.substr(0, length);
  rest.erase(0, length);
  return content;
}

void read_content_of_request(Reading& reading, std::string& rest) {
  const Declared declared = declared_by(reading);
  const bool content = declared.chunked || declared.length.value_or(0) > 0;
  require(!content || (reading.method != "GET" && reading.method != "HEAD"), "content of GET or HEAD");
  if (declared.chunked) reading.content = read_chunks(rest, false);
  if (declared.length) reading.content = read_length(rest, *declared.length);
}

void read_content_of_response(Reading& reading, std::string& rest, bool answers_head) {
  const Declared declared = declared_by(reading);
  require(reading.status != 101, "101");
  require(reading.status >= 200 || (!declared.chunked && !declared.length), "1xx with content");
  require(reading.status != 204 || (!declared.chunked && declared.length.value_or(0) == 0),
          "204 with content");
  if (answers_head || reading.status < 200 || reading.status == 204 || reading.status == 304) return;
  if (declared.chunked) {
    reading.content = read_chunks(rest, true);
  } else if (declared.length) {
    reading.content = read_length(rest, *declared.length);
  } else {
    reading.content = std::exchange(rest, "");
    reading.keeps_alive = false;
  }
}

Reading read(const WireMessage& message) {
  constexpr std::size_t max_head = 16384;
  constexpr std::size_t max_fields = 100;
  const bool request = message.kind == http::HeadKind::request;
  Reading reading;
  std::string rest = message.bytes;
  if (request && rest.substr(0, 2) == "\r\n") rest.erase(0, 2);  // RFC 9112, section 2.2
  Lines lines = split(take_up_to(rest, "\r\n\r\n"), "\r\n");
  require(message.bytes.size() - rest.size() <= max_head, "a head of more than 16 KiB");
  require(lines.size() - 1 <= max_fields, "more than 100 fields");
  if (request) read_request_line(lines[0], reading);
  if (!request) read_status_line(lines[0], reading);
  lines.erase(lines.begin());
  for (const auto& line : lines) reading.fields.push_back(read_field(line));
  reading.keeps_alive = keeps_alive(reading);
  if (request) read_content_of_request(reading, rest);
  if (!request) read_content_of_response(reading, rest, message.answers_head);
  reading.size = message.bytes.size() - rest.size();
  return reading;
}

}  // namespace

CacheOutcome plain_reading(const WireMessage& message) {
  try {
    return {read(message), std::nullopt};
  } catch (const Refused& refused) {
    return {std::nullopt, refused.why};
  } catch (const NotWhole&) {
    return {};
  }
}

}  // namespace roktcached::fuzz
