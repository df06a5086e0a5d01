#include "server/http/message_parser.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/container/small_vector.hpp>

#include "core/http/field_names.h"
#include "core/http/fields.h"

namespace roktcached::http {

namespace {

namespace beast_http = boost::beast::http;

constexpr std::string_view crlf = "\r\n";

Error malformed(const char* why) {
  return {.code = ErrorCode::invalid_request, .context = why};
}

/// @param fields  of the head
Error framing_error(const boost::beast::error_code& error, const std::vector<FieldLine>& fields) {
  const bool length = error != beast_http::error::bad_transfer_encoding;
  if (find(fields, length ? "Transfer-Encoding" : "Content-Length"))
    return malformed("Transfer-Encoding: not beside Content-Length");
  if (error == beast_http::error::bad_content_length) return malformed("Content-Length: accepted: digits");
  if (error == beast_http::error::multiple_content_length) return malformed("Content-Length: repeated");
  if (error == beast_http::error::bad_transfer_encoding) return malformed("Transfer-Encoding: repeated");
  return malformed("malformed");
}

/// Takes no memory for usual heads, since there is one for each request.
using Framing = boost::container::small_vector<char, 128>;

/// Tells the field lines of a head that a gate has let pass.
/// @param bytes  the head
/// @return the lines that tell how the content is framed, and an empty one: the only ones that Beast is to
///         judge
Framing read_fields(std::string_view bytes, const std::vector<FieldPlace>& places,
                    std::vector<FieldLine>& fields) {
  static constexpr FieldNames of_framing("Content-Length", "Transfer-Encoding");
  fields.clear();
  fields.reserve(places.size());
  Framing framing;
  for (const FieldPlace& place : places) {
    const FieldLine field = place.in(bytes);
    fields.push_back(field);
    if (!of_framing.contain(field.name)) continue;
    framing.insert(framing.end(), field.name.data(), field.value.data() + field.value.size());
    framing.insert(framing.end(), crlf.begin(), crlf.end());
  }
  framing.insert(framing.end(), crlf.begin(), crlf.end());
  return framing;
}

}  // namespace

template <bool is_request>
MessageParser<is_request>::MessageParser(bool answers_head)
    : gate_(is_request ? ChunkGate::TrailerNames::limited : ChunkGate::TrailerNames::any) {
  // Ours are the caller's and the gates'.
  this->header_limit(UINT32_MAX);
  this->body_limit(boost::none);
  this->skip(answers_head);
}

template <bool is_request>
std::size_t MessageParser<is_request>::feed(std::string_view bytes, ErrorOfBeast& error) {
  return this->put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
}

template <bool is_request>
Result<void> MessageParser<is_request>::read_head(std::string_view bytes, const HeadScan& scan, Head& head) {
  head_ = &head;
  ErrorOfBeast error;
  feed_start_line(bytes, error);
  head_ = nullptr;
  const Framing framing = read_fields(bytes, scan.places(), head.fields);
  if (!error) feed({framing.data(), framing.size()}, error);
  if (error) return framing_error(error, head.fields);
  if (this->is_done()) {
    place_ = Place::done;
  } else {
    place_ = this->chunked() ? Place::chunk_line : Place::content;
  }
  return {};
}

/// Beast knows no HTTP/1 beyond 1.1 (RFC 9110, section 2.5) and no empty line before a request (RFC 9112,
/// section 2.2), and it wants the space behind a status code.
/// @param bytes  a head
template <bool is_request>
void MessageParser<is_request>::feed_start_line(std::string_view bytes, ErrorOfBeast& error) {
  constexpr std::string_view shortest_status_line = "HTTP/1.1 200";
  constexpr std::size_t digit_in_status_line = std::string_view("HTTP/1.").size();
  if (is_request && bytes.starts_with(crlf)) bytes.remove_prefix(crlf.size());
  const std::size_t end = std::min(bytes.find(crlf), bytes.size());
  std::string_view line = bytes.substr(0, end + crlf.size());
  const std::size_t digit = is_request ? end - 1 : digit_in_status_line;
  const bool is_later = end > digit && line[digit] > '1' && line[digit] <= '9';
  const bool is_bare = !is_request && end == shortest_status_line.size();
  if (is_later || is_bare) {
    start_line_ = line.substr(0, end);
    if (is_later) start_line_[digit] = '1';
    if (is_bare) start_line_ += ' ';
    start_line_ += crlf;
    line = start_line_;
  }
  const std::size_t taken = feed(line, error);
  if (error == beast_http::error::need_more && taken == line.size()) error = {};
}

template <bool is_request>
Result<ContentStep> MessageParser<is_request>::next(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && place_ != Place::done) {
    const std::string_view rest = bytes.substr(at);
    if (place_ == Place::content || place_ == Place::chunk_data) {
      Result<ContentStep> step = take_content(rest);
      if (step) step->consumed += at;
      return step;
    }
    const auto taken = place_ == Place::chunk_line ? take_chunk_line(rest) : take_trailers(rest);
    if (!taken) return taken.error();
    at += *taken;
  }
  return ContentStep{.consumed = at, .content = {}};
}

template <bool is_request>
Result<ContentStep> MessageParser<is_request>::take_content(std::string_view bytes) {
  ErrorOfBeast error;
  const std::size_t size = feed(bytes, error);
  if (error) return malformed("malformed");
  if (place_ == Place::content && this->is_done()) place_ = Place::done;
  if (place_ == Place::chunk_data) gate_.took_data(size);
  if (place_ == Place::chunk_data && chunk_left_ == 0) place_ = Place::chunk_line;
  return ContentStep{.consumed = size, .content = content_};
}

/// The line is whole when Beast sees it: if Beast wants more, it is malformed.
template <bool is_request>
Result<std::size_t> MessageParser<is_request>::take_chunk_line(std::string_view bytes) {
  const auto taken = gate_.take_line(bytes);
  if (!taken || !gate_.has_line()) return taken;
  ErrorOfBeast error;
  const std::size_t size = feed(gate_.line(), error);
  if (error || size != gate_.line().size()) return malformed("chunks: a size or an extension is malformed");
  place_ = this->is_done() ? Place::trailers : Place::chunk_data;
  gate_.begin_data();
  return taken;
}

template <bool is_request>
Result<std::size_t> MessageParser<is_request>::take_trailers(std::string_view bytes) {
  const auto taken = gate_.take_trailers(bytes);
  if (taken && gate_.has_trailers()) place_ = Place::done;
  return taken;
}

template <bool is_request>
std::uint64_t MessageParser<is_request>::announced() const {
  if (place_ == Place::chunk_data) return chunk_left_;
  return place_ == Place::content ? this->content_length_remaining().value_or(0) : 0;
}

template <bool is_request>
void MessageParser<is_request>::on_request_impl(beast_http::verb, View method, View target, int version,
                                                ErrorOfBeast&) {
  if constexpr (is_request) {
    head_->method = method;
    head_->target = target;
    head_->http11 = version == 11;
  }
}

template <bool is_request>
void MessageParser<is_request>::on_response_impl(int status, View, int version, ErrorOfBeast&) {
  if constexpr (!is_request) {
    head_->status = static_cast<unsigned>(status);
    head_->http11 = version == 11;
  }
}

template <bool is_request>
std::size_t MessageParser<is_request>::on_body_impl(View body, ErrorOfBeast&) {
  content_ = body;
  return body.size();
}

template <bool is_request>
void MessageParser<is_request>::on_chunk_header_impl(std::uint64_t size, View, ErrorOfBeast&) {
  chunk_left_ = size;
}

template <bool is_request>
std::size_t MessageParser<is_request>::on_chunk_body_impl(std::uint64_t left, View body, ErrorOfBeast&) {
  content_ = body;
  chunk_left_ = left - body.size();
  return body.size();
}

template class MessageParser<true>;
template class MessageParser<false>;

Result<std::size_t> read_response_head(std::string_view bytes, HeadScan& scan, bool answers_head,
                                       std::optional<ResponseParser>& message, ResponseHead& head) {
  const auto size = scan.scan(bytes);
  if (!size) return size.error();
  if (!*size) return std::size_t{0};
  const auto read = message.emplace(answers_head).read_head(bytes.substr(0, **size), scan, head);
  if (!read) return read.error();
  return **size;
}

}  // namespace roktcached::http
