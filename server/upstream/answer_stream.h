#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/error.h"
#include "core/http/fields.h"

namespace roktcached::upstream {

/// An interim answer (RFC 9110, section 15.2).
struct InterimAnswer {
  unsigned status = 0;
  http::Fields fields;
};

/// The head of an answer whose content follows in pieces.
struct AnswerHead {
  unsigned status = 0;
  http::Fields fields;
  std::optional<std::uint64_t> length;  ///< of the content, where the upstream has said it
};

/// The last piece: an answer that was passed on in pieces is complete, or why it is not; one that was not is
/// to be had from whoever sent the request.
struct AnswerEnd {
  std::optional<Error> error;
};

/// Takes an answer from the desk's thread to a hit thread while it still arrives: interim answers, then the
/// head and the content of a large or endless one. Holds a few pieces and then makes the writer wait: a slow
/// client slows the upstream down, and costs no memory.
///
/// Written on one thread and read on another. Either side may go first.
class AnswerStream {
 public:
  using Piece = std::variant<InterimAnswer, AnswerHead, std::string, AnswerEnd>;

  enum class Keep {
    whole,    ///< the writer keeps a copy of what is small enough, and so finishes what nobody reads any more
    nothing,  ///< what nobody reads any more is broken off
  };

  /// @param executor  the writer's, of one thread
  AnswerStream(const boost::asio::any_io_executor& executor, Keep keep);
  ~AnswerStream();

  /// @return false where nobody reads any more
  [[nodiscard]] boost::asio::awaitable<bool> write(Piece piece);
  /// Whether a head has been written: then the answer is on its way to the client. For the writer.
  [[nodiscard]] bool begun() const { return begun_; }
  [[nodiscard]] Keep keep() const { return keep_; }
  /// Writes AnswerEnd; nothing may follow.
  [[nodiscard]] boost::asio::awaitable<void> end(std::optional<Error> error);

  /// The next piece. Resumes on the caller's executor.
  [[nodiscard]] boost::asio::awaitable<Piece> read();
  /// The reader goes: a write that waits fails soon, and every later one. From any thread.
  void abandon();

 private:
  friend class WhenBegun;
  struct Channel;
  std::shared_ptr<Channel> channel_;
  const Keep keep_;
  bool begun_ = false;
  std::vector<std::function<void()>> when_begun_;
};

/// What is to be done, once, when the head of an answer is written, for as long as this lives. Of several for
/// one stream the last that was made is the first that goes. For the writer.
class WhenBegun {
 public:
  /// @param stream  outlives it; null: nothing will be written
  WhenBegun(AnswerStream* stream, std::function<void()> action) : stream_(stream) {
    if (stream_ != nullptr) stream_->when_begun_.push_back(std::move(action));
  }
  ~WhenBegun() {
    if (stream_ != nullptr && !stream_->when_begun_.empty()) stream_->when_begun_.pop_back();
  }
  WhenBegun(const WhenBegun&) = delete;
  WhenBegun& operator=(const WhenBegun&) = delete;

 private:
  AnswerStream* const stream_;
};

}  // namespace roktcached::upstream
