#include "server/http/answer_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "server/http/answer_head.h"

namespace roktcached::http {

namespace {

constexpr std::size_t max_held = 16 * 1024;
/// A content up to here is sooner copied than sent from where it is.
constexpr std::size_t max_copied = 4096;
/// Memory beyond what is usually sent at once is not kept for the next answer.
constexpr std::size_t max_kept = 2 * max_held;

/// RFC 9110, section 8.6: an answer to HEAD and a 304 say what GET would; 204 has no length.
bool has_content(const Answer& answer) {
  return answer.body && answer.status != 204 && answer.status != 304;
}

void append_framing(std::string& head, const Answer& answer, const AnswerFrame& frame) {
  if (has_content(answer)) {
    append_field(head, "Content-Length", answer.whole_content().size());
  } else if (answer.content && answer.content_length) {
    append_field(head, "Content-Length", *answer.content_length);
  } else if (is_chunked(answer, frame.http11)) {
    head += "Transfer-Encoding: chunked\r\n";
  }
  if (!frame.keep_alive) {
    head += "Connection: close\r\n";
  } else if (!frame.http11) {
    head += "Connection: keep-alive\r\n";
  }
}

/// @param content  of `body`, all or a part
std::optional<FilePlace> place_of(std::string_view content, const caching::Body& body) {
  const FilePlace* const place = body.place();
  if (place == nullptr) return std::nullopt;
  const auto before = static_cast<std::uint64_t>(content.data() - body.data());
  return FilePlace{place->descriptor, place->offset + before};
}

}  // namespace

bool is_chunked(const Answer& answer, bool http11) {
  return answer.content && !answer.content_length && http11;
}

std::size_t AnswerWriter::add(const Request& request, const Answer& answer, const AnswerFrame& frame) {
  append_status_line(head_, answer.status);
  append_framing(head_, answer, frame);
  head_.append("X-Request-Id: ").append(request.id).append("\r\n").append(frame.browser_fields);
  if (!has_date(answer)) append_date(head_, frame.clock.wall_now());
  // Our fields last: a Cache-Status of the upstream's comes before ours (RFC 9211, section 2).
  head_.append(answer.shared_head).append(answer.head).append("\r\n");
  content_before_ = 0;
  in_chunk_ = false;
  content_begin_ = head_.size();
  content_size_ = 0;
  if (!has_content(answer) || request.method == "HEAD") return 0;
  const std::string_view content = answer.whole_content();
  content_size_ = content.size();
  if (content.size() <= max_copied) {
    head_ += content;
  } else {
    body_ = answer.body;
    body_bytes_ = content;
    place_ = place_of(content, *answer.body);
  }
  return content.size();
}

void AnswerWriter::add_interim(unsigned status, const http::Fields& fields) {
  append_status_line(head_, status);
  head_.append(fields.to_lines()).append("\r\n");
}

bool AnswerWriter::is_full() const {
  return body_ || head_.size() >= max_held;
}

std::array<boost::asio::const_buffer, 2> AnswerWriter::unsent() const {
  const std::size_t of_head = std::min(sent_, head_.size());
  return {boost::asio::buffer(head_) + of_head, boost::asio::buffer(body_bytes_) + (sent_ - of_head)};
}

bool AnswerWriter::sent(std::size_t size) {
  sent_ += size;
  if (sent_ < this->size()) return false;
  clear();
  return true;
}

/// The end of a chunk goes with what follows: the bytes of a piece are not ours to add to.
void AnswerWriter::add_piece(ContentPiece piece, bool chunked) {
  body_ = std::move(piece.owner);
  body_bytes_ = piece.bytes;
  content_size_ = body_bytes_.size();
  if (chunked) {
    const std::string_view end_of_last = std::exchange(in_chunk_, true) ? "\r\n" : "";
    fmt::format_to(std::back_inserter(head_), "{}{:x}\r\n", end_of_last, content_size_);
  }
  content_begin_ = head_.size();
}

void AnswerWriter::end_content(bool chunked) {
  if (chunked) head_.append(std::exchange(in_chunk_, false) ? "\r\n" : "").append("0\r\n\r\n");
}

std::size_t AnswerWriter::content_sent() const {
  const std::size_t of_this = sent_ > content_begin_ ? std::min(sent_ - content_begin_, content_size_) : 0;
  return content_before_ + of_this;
}

void AnswerWriter::clear() {
  sent_before_ += static_cast<std::int64_t>(std::exchange(sent_, 0));
  content_before_ += std::exchange(content_size_, 0);
  content_begin_ = 0;
  body_.reset();
  body_bytes_ = {};
  place_.reset();
  explicit_bzero(head_.data(), head_.size());  // a token may have been in it
  if (head_.capacity() > max_kept) {
    head_ = std::string();
  } else {
    head_.clear();
  }
}

}  // namespace roktcached::http
