#include "server/http/answer_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "server/http/answer_head.h"
#include "server/system_clock.h"

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

}  // namespace

bool is_chunked(const Answer& answer, bool http11) {
  return answer.content && !answer.content_length && http11;
}

std::size_t AnswerWriter::add(const Request& request, const Answer& answer, const AnswerFrame& frame) {
  append_status_line(head_, answer.status);
  append_framing(head_, answer, frame);
  head_.append("X-Request-Id: ").append(request.id).append("\r\n").append(frame.browser_fields);
  if (!has_date(answer)) append_date(head_, SystemClock().wall_now());
  // Our fields last: a Cache-Status of the upstream's comes before ours (RFC 9211, section 2).
  head_.append(answer.shared_head).append(answer.head).append("\r\n");
  content_before_ = 0;
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

std::array<asio::const_buffer, 2> AnswerWriter::left() const {
  const std::size_t of_head = std::min(sent_, head_.size());
  return {asio::buffer(head_) + of_head, asio::buffer(body_bytes_) + (sent_ - of_head)};
}

bool AnswerWriter::send_now(net::ClientStream& stream, net::ClientStream::After after) {
  if (is_empty()) return true;
  const auto parts = left();
  sent_ += stream.write_now(parts[0], parts[1], after);
  if (sent_ < size()) return false;
  clear();
  return true;
}

asio::awaitable<Cut> AnswerWriter::send(net::ClientStream& stream, Deadline& deadline,
                                        const net::WritePace::Terms& terms) {
  if (send_now(stream)) co_return Cut::none;
  const Cut cut = co_await wait_and_send(stream, deadline, terms);
  co_return cut;
}

asio::awaitable<Cut> AnswerWriter::wait_and_send(net::ClientStream& stream, Deadline& deadline,
                                                 const net::WritePace::Terms& terms) {
  const SteadyTime now = std::chrono::steady_clock::now();
  pace_.wait(now, terms);
  deadline.expires_at(pace_.next_look());
  waits_ = true;
  verdict_ = Cut::none;
  Cut cut = Cut::none;
  while (sent_ < size() && cut == Cut::none) {
    const auto parts = left();
    const auto [error, bytes] = co_await stream.write_some(parts);
    sent_ += bytes;
    const bool interrupted = verdict_ != Cut::none && sent_ < size();
    if (error || interrupted) cut = verdict_ == Cut::none ? Cut::client_gone : verdict_;
  }
  slow_.reset();
  waits_ = false;
  deadline.clear();
  pace_.pause(
      std::chrono::steady_clock::now());  // also where it is cut: an interim answer's cut is passed over
  if (cut != Cut::none) co_return cut;
  clear();
  co_return Cut::none;
}

/// Bytes that the kernel holds have not reached the client: it holds megabytes, and reports room only when a
/// third is free.
bool AnswerWriter::may_go_on(net::ClientStream& stream, Deadline& deadline) {
  if (!waits_) return false;
  const SteadyTime now = std::chrono::steady_clock::now();
  const std::int64_t written = sent_before_ + static_cast<std::int64_t>(sent_);
  switch (pace_.judge(now, written - static_cast<std::int64_t>(stream.queued()))) {
    case net::WritePace::Verdict::fast_enough:
      deadline.expires_at(pace_.next_look());
      note_slow(stream, deadline, now);
      return true;
    case net::WritePace::Verdict::stalled:
      verdict_ = Cut::write_timeout;
      break;
    case net::WritePace::Verdict::too_slow:
      verdict_ = Cut::write_rate;
      break;
  }
  return false;
}

/// An answer that has not gone by the first look holds memory that others may need.
void AnswerWriter::note_slow(net::ClientStream& stream, Deadline& deadline, SteadyTime now) {
  if (senders_ == nullptr || !body_) return;
  if (slow_) return slow_->progressed(pace_.progressed_at());
  try {
    slow_.emplace(
        *senders_, stream.executor(), body_.get(), [this, &stream, &deadline] { give_way(stream, deadline); },
        now);
  } catch (const std::bad_alloc&) {
    // It is not known to be slow then, and asked at the next look.
  }
}

/// There is no room for another's answer: the client loses this one, unless it has taken something of late.
void AnswerWriter::give_way(net::ClientStream& stream, Deadline& deadline) {
  const bool goes_on = may_go_on(stream, deadline);
  if (goes_on && !slow_->still_slow(std::chrono::steady_clock::now())) return;
  if (goes_on) verdict_ = Cut::overloaded;
  stream.cancel();
}

asio::awaitable<Cut> AnswerWriter::send(net::ClientStream& stream, Deadline& deadline,
                                        const net::WritePace::Terms& terms, ContentSource& content,
                                        bool chunked) {
  std::string_view end_of_chunk;  // goes with what follows: the bytes of a piece are not ours to add to
  while (true) {
    // Also before the first piece: the head must not wait for it.
    const Cut cut = co_await send(stream, deadline, terms);
    if (cut != Cut::none) co_return cut;
    Result<std::optional<ContentPiece>> piece = co_await content.next();  // it has deadlines of its own
    if (!piece) co_return Cut::upstream;
    if (!piece->has_value()) break;
    body_ = std::move((*piece)->owner);
    body_bytes_ = (*piece)->bytes;
    content_size_ = body_bytes_.size();
    if (chunked) fmt::format_to(std::back_inserter(head_), "{}{:x}\r\n", end_of_chunk, content_size_);
    end_of_chunk = "\r\n";
    content_begin_ = head_.size();
  }
  if (chunked) head_.append(end_of_chunk).append("0\r\n\r\n");
  const Cut cut = co_await send(stream, deadline, terms);
  co_return cut;
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
  explicit_bzero(head_.data(), head_.size());  // a token may have been in it
  if (head_.capacity() > max_kept) {
    head_ = std::string();
  } else {
    head_.clear();
  }
}

}  // namespace roktcached::http
