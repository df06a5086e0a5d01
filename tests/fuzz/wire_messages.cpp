#include "tests/fuzz/wire_messages.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace roktcached::fuzz {

namespace {

std::string hex(std::size_t number) {
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "%zx", number);
  return text.data();
}

std::string random_content(Random& random) {
  std::string content(random.index(random.percent(5) ? 3000 : 40), '\0');
  for (char& c : content) c = static_cast<char>(random.between(0, 255));
  return content;
}

std::string random_extensions(Random& random) {
  std::string extensions;
  while (random.percent(25)) {
    extensions += random.one_of<const char*>({";a", ";a=b", ";abc=\"\"", ";a=\"b;\\\"c\\\\\"",
                                              ";a=\"\xe9\t\"", " ;a", "; a", ";a = b", "\t;\ta\t=\t\"b\""});
  }
  return extensions;
}

std::string random_field(Random& random) {
  const std::string name = random.one_of<const char*>(
      {"X", "Accept", "Host", "accept", "ETag", "Cookie", "!#$%&'*+-.^_`|~9", "Date", "Expect", "Via"});
  const std::string value =
      random.one_of<const char*>({"", "a", "localhost:8080", "a, b", "\"c,d\"", "W/\"x\"", "\xc3\xa9", "a:b",
                                  "a \t b", "text/html;q=0.5", "*"});
  const std::string space = random.one_of<const char*>({"", " ", " ", " ", "\t", " \t  "});
  return name + ":" + space + value + random.one_of<const char*>({"", "", "", " ", "\t "}) + "\r\n";
}

std::string in_chunks(Random& random, std::string_view content) {
  std::string bytes;
  while (!content.empty()) {
    const std::size_t size = 1 + random.index(content.size());
    const std::string zeros(random.index(random.percent(90) ? 3 : 30), '0');
    bytes += zeros + hex(size) + random_extensions(random) + "\r\n";
    bytes += std::string(content.substr(0, size)) + "\r\n";
    content.remove_prefix(size);
  }
  bytes += std::string(1 + random.index(3), '0') + random_extensions(random) + "\r\n";
  while (random.percent(20))
    bytes += random.one_of<const char*>({"X: a\r\n", "ETag: \"b\"\r\n", "Y:\r\n", "Y: \t\r\n", "Age: 1\r\n"});
  return bytes + "\r\n";
}

/// The head's fields, and the content that they declare.
std::string random_rest(Random& random) {
  std::string fields;
  while (random.percent(60)) fields += random_field(random);
  if (random.percent(25)) {
    fields +=
        std::string("Connection: ") +
        random.one_of<const char*>({"close", "keep-alive", "Close, x", "x , KEEP-alive", "keep-alive, close",
                                    ",close,", "upgrade", "\"close\"", "close x"}) +
        "\r\n";
  }
  const std::string content = random.percent(50) ? random_content(random) : "";
  const auto kind = random.between(0, 3);
  if (kind == 0) return fields + "\r\n" + content;  // a response until the close; else another message
  if (kind == 1) return fields + "Content-Length: " + std::to_string(content.size()) + "\r\n\r\n" + content;
  const std::string declared =
      random.one_of<const char*>({"Transfer-Encoding: chunked\r\n", "transfer-encoding:CHUNKED \r\n"});
  std::string all = declared;
  all += random.percent(50) ? fields : "";
  return all + "\r\n" + in_chunks(random, content);
}

std::string request_line(Random& random) {
  const std::string method =
      random.one_of<const char*>({"GET", "HEAD", "POST", "POST", "PUT", "DELETE", "OPTIONS", "X-%~", "get"});
  const std::string target =
      random.one_of<const char*>({"/", "/a?b=c&d=%20", "//", "/{}\"<>\\^`|", "*", "http://a.example/b",
                                  "https://a.example:1?c", "http://[::1]"});
  const std::string version =
      random.percent(85) ? " HTTP/1.1\r\n" : random.one_of<const char*>({" HTTP/1.0\r\n", " HTTP/1.2\r\n"});
  return (random.percent(5) ? "\r\n" : "") + method + " " + target + version;
}

std::string status_line(Random& random) {
  const std::string version =
      random.percent(85) ? "HTTP/1.1 " : random.one_of<const char*>({"HTTP/1.0 ", "HTTP/1.2 "});
  const int status = random.one_of({200, 200, 200, 404, 500, 304, 204, 100, 103, 301, 206, 599});
  if (random.percent(10)) return version + std::to_string(status) + "\r\n";
  return version + std::to_string(status) + " " +
         random.one_of<const char*>({"OK", "", "Not Found", "\xe9 \t", " "}) + "\r\n";
}

/// Text that breaks, or seems to break, lines, fields and framing.
std::string nasty(Random& random) {
  using namespace std::string_literals;
  return random.one_of<std::string>({"\r",
                                     "\n",
                                     "\r\n",
                                     "\r\n\r\n",
                                     "\n\n",
                                     " ",
                                     "\t",
                                     ":",
                                     ";",
                                     ",",
                                     "\0"s,
                                     "\x7f",
                                     "\x0b",
                                     "\xff",
                                     "\"",
                                     "\\",
                                     "=",
                                     "0",
                                     "1",
                                     "a",
                                     "/",
                                     "+",
                                     "-",
                                     "*",
                                     "\r\n ",
                                     "\r\n\t",
                                     " HTTP/1.1",
                                     "HTTP/1.0",
                                     "Content-Length: 3\r\n",
                                     "Content-Length: 0\r\n",
                                     "Content-Length: +3\r\n",
                                     "Content-Length: 3, 3\r\n",
                                     "Content-Length : 3\r\n",
                                     "Transfer-Encoding: chunked\r\n",
                                     "Transfer-Encoding: gzip\r\n",
                                     "Transfer-Encoding: gzip, chunked\r\n",
                                     "Transfer-Encoding: chunked, chunked\r\n",
                                     "Connection: close\r\n",
                                     "Host: a\r\n",
                                     "0\r\n\r\n",
                                     "00000000",
                                     "ffffffff",
                                     "5;a=\"\r\n",
                                     "GET / HTTP/1.1\r\n\r\n",
                                     "HTTP/1.1 200 OK\r\n\r\n"});
}

void spoil(Random& random, std::string& bytes) {
  const std::size_t at = random.index(bytes.size() + 1);
  const std::size_t size = std::min(1 + random.index(random.percent(80) ? 2 : 30), bytes.size() - at);
  switch (random.between(0, 6)) {
    case 0:
      bytes.erase(at, size);
      break;
    case 1:
      bytes.insert(at, std::string(bytes, at, size));
      break;
    case 2:
      if (at < bytes.size()) bytes[at] = static_cast<char>(random.between(0, 255));
      break;
    case 3:
      if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.between(0, 7)));
      break;
    case 4: {  // a line more, where a line begins
      const auto line = bytes.find("\r\n", at);
      if (line != std::string::npos) bytes.insert(line + 2, nasty(random));
      break;
    }
    default:
      bytes.replace(at, random.percent(50) ? 0 : size, nasty(random));
      break;
  }
}

}  // namespace

WireMessage random_message(Random& random) {
  WireMessage message;
  if (random.percent(50)) {
    message.bytes = request_line(random) + random_rest(random);
  } else {
    message.kind = http::HeadKind::response;
    message.answers_head = random.percent(10);
    message.bytes = status_line(random) + random_rest(random);
  }
  if (random.percent(20)) message.bytes += nasty(random);
  if (random.percent(30)) return message;
  // Most of the bytes are content: half of the time, only the head is spoiled.
  const std::size_t head = std::min(message.bytes.find("\r\n\r\n", 2), message.bytes.size() - 4) + 4;
  std::string part = message.bytes.substr(0, random.percent(50) ? head : std::string::npos);
  const std::string rest = message.bytes.substr(part.size());
  do {
    spoil(random, part);
  } while (random.percent(40));
  message.bytes = part + rest;
  return message;
}

}  // namespace roktcached::fuzz
