#pragma once

#include <gtest/gtest.h>

#include <string>

#include "core/http/framing.h"
#include "server/http/message_parser.h"

namespace roktcached::http {

/// A parser that is at the content of a message: of a request, or, where a request cannot be such, of a
/// response.
class ContentParser {
 public:
  explicit ContentParser(const Framing& framing,
                         ChunkGate::TrailerNames trailer_names = ChunkGate::TrailerNames::limited)
      : is_request_(framing.kind != Framing::Kind::until_close &&
                    trailer_names == ChunkGate::TrailerNames::limited) {
    std::string fields = "\r\n";
    if (framing.kind == Framing::Kind::length)
      fields.insert(0, "Content-Length: " + std::to_string(framing.length) + "\r\n");
    if (framing.kind == Framing::Kind::chunked) fields.insert(0, "Transfer-Encoding: chunked\r\n");
    RequestHead request;
    ResponseHead response;
    HeadScan scan(is_request_ ? HeadKind::request : HeadKind::response, {});
    const std::string head = (is_request_ ? "POST / HTTP/1.1\r\n" : "HTTP/1.1 200 OK\r\n") + fields;
    EXPECT_TRUE(scan.scan(head));
    EXPECT_TRUE(is_request_ ? request_.read_head(head, scan, request)
                            : response_.read_head(head, scan, response));
  }

  [[nodiscard]] Result<ContentStep> next(std::string_view bytes) {
    return is_request_ ? request_.next(bytes) : response_.next(bytes);
  }
  [[nodiscard]] bool done() const { return is_request_ ? request_.done() : response_.done(); }
  [[nodiscard]] std::uint64_t announced() const {
    return is_request_ ? request_.announced() : response_.announced();
  }
  [[nodiscard]] bool ends_with_connection() const {
    return is_request_ ? request_.ends_with_connection() : response_.ends_with_connection();
  }

 private:
  bool is_request_;
  RequestParser request_;
  ResponseParser response_;
};

}  // namespace roktcached::http
