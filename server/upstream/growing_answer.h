#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/error.h"
#include "core/http/fields.h"
#include "core/mutex.h"
#include "server/upstream/wire/content_blocks.h"
#include "storage/body_account.h"

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

/// The end of an answer that has come in pieces, or the reason why it broke off. An answer that ends before
/// its head is not here: the sender of the request has it.
struct AnswerEnd {
  std::optional<Error> error;
};

/// An answer that is still arriving. It has one writer, on the upstream thread, and any number of readers on
/// other threads, each of which reads at its own pace from the beginning.
///
/// While the answer is no larger than its bound, it is kept whole and written at the upstream's pace: a slow
/// reader holds up nobody. Beyond the bound, or if the account of bodies has no room, only a part is kept.
/// Then the writer goes on at the pace of the fastest reader. It waits for readers that have fallen behind by
/// as much as the bound, but only so long that the others become half as slow again. After that those readers
/// get an error.
class GrowingAnswer : public std::enable_shared_from_this<GrowingAnswer> {
 public:
  using Piece = std::variant<InterimAnswer, AnswerHead, ContentBytes, AnswerEnd>;

  enum class Keep {
    whole,  ///< up to the bound
    part    ///< from the start
  };
  struct Bounds {
    std::uint64_t bytes = 0;                  ///< that are kept at most
    std::chrono::milliseconds patience{250};  ///< in all, with those who fall behind
    double patience_share = 0.5;              ///< beside that, of the time that has passed without that
    std::uint64_t block = 256 * 1024;         ///< bytes, see ContentBlocks
  };

  /// One reader, from attach() to its destruction; on one thread. The content that it has been given stays
  /// valid.
  class Reader : public std::enable_shared_from_this<Reader> {
   public:
    /// For attach() alone.
    explicit Reader(std::shared_ptr<GrowingAnswer> answer) : answer_(std::move(answer)) {}
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    /// The next piece, after waiting for it. Nothing may be read after AnswerEnd. Resumes on the caller's
    /// executor, which is the same for every call.
    [[nodiscard]] boost::asio::awaitable<Piece> read();
    /// The client has gone: a read that waits ends with client_gone, and so does every later one.
    void leave();
    /// This reader leaves, but the rest is worth having: see GrowingAnswer::worth_having.
    void leave_for_others();
    /// The length of the content, if the head has said it.
    [[nodiscard]] std::optional<std::uint64_t> length() const;

   private:
    friend class GrowingAnswer;
    [[nodiscard]] std::optional<Piece> take();
    void wake();

    const std::shared_ptr<GrowingAnswer> answer_;
    // Under the answer's mutex.
    std::deque<InterimAnswer> interim_;
    bool head_given_ = false;
    std::uint64_t position_ = 0;
    bool waits_ = false;
    // Of the reader's thread.
    std::optional<boost::asio::steady_timer> timer_;
    bool gone_ = false;
  };
  using ReaderPtr = std::shared_ptr<Reader>;

  /// @param upstream_executor the executor of the writer, of one thread
  /// @param bodies  outlives it
  [[nodiscard]] static std::shared_ptr<GrowingAnswer> make(boost::asio::any_io_executor upstream_executor,
                                                           storage::BodyAccount& bodies, Bounds bounds,
                                                           Keep keep);

  // From here on for the upstream thread.

  /// A new reader; null if the beginning is not kept any more.
  [[nodiscard]] ReaderPtr attach();
  [[nodiscard]] bool has_readers() const;
  /// Whether a reader that left has said that the rest is worth having.
  [[nodiscard]] bool worth_having() const;
  /// Sets what is called whenever the last reader has gone.
  void when_unread(std::function<void()> action) { when_unread_ = std::move(action); }

  /// Adds an interim answer for the readers that are there; later ones do not get it.
  void add_interim(const InterimAnswer& answer);
  void begin(AnswerHead head);
  [[nodiscard]] bool begun() const { return begun_; }
  /// As begin() has set it.
  [[nodiscard]] const std::optional<AnswerHead>& head() const NO_THREAD_SAFETY_ANALYSIS { return head_; }
  /// Appends a piece, and waits if no reader has read enough of what is there.
  /// @return false if nobody wants the rest: nobody reads, and not all is kept
  [[nodiscard]] boost::asio::awaitable<bool> append(std::string piece);
  /// Nothing may follow, but settle().
  void end(std::optional<Error> error);

  /// Of the content that has come, in bytes.
  [[nodiscard]] std::uint64_t size() const;
  /// Whether nothing of the content has been dropped.
  [[nodiscard]] bool is_whole() const;
  /// All of it. From any thread, while nothing is appended. @pre is_whole()
  [[nodiscard]] std::string content() const NO_THREAD_SAFETY_ANALYSIS;
  /// From now on all readers read from `content`, which is the same content; the pieces are freed.
  void settle(caching::BodyPtr content);

 private:
  friend class WhenBegun;
  GrowingAnswer(boost::asio::any_io_executor upstream_executor, storage::BodyAccount& bodies, Bounds bounds,
                Keep keep);
  void detach(Reader& reader);
  void keep(std::string_view piece) REQUIRES(mutex_);
  void drop_what_all_have_read() REQUIRES(mutex_);
  void drop_what_is_too_much() REQUIRES(mutex_);
  [[nodiscard]] bool is_too_much() const REQUIRES(mutex_);
  [[nodiscard]] bool nobody_is_ready() const REQUIRES(mutex_);
  [[nodiscard]] std::chrono::nanoseconds patience_left() const REQUIRES(mutex_);
  void wake_readers();
  void wake_writer_if_it_may();

  const boost::asio::any_io_executor upstream_executor_;
  const Bounds bounds_;
  mutable Mutex mutex_;
  std::vector<Reader*> readers_ GUARDED_BY(mutex_);
  std::optional<AnswerHead> head_ GUARDED_BY(mutex_);
  ContentBlocks blocks_ GUARDED_BY(mutex_);
  caching::BodyPtr settled_ GUARDED_BY(mutex_);
  bool whole_ GUARDED_BY(mutex_);
  bool ended_ GUARDED_BY(mutex_) = false;
  bool worth_having_ GUARDED_BY(mutex_) = false;
  std::optional<Error> error_ GUARDED_BY(mutex_);
  bool writer_waits_ GUARDED_BY(mutex_) = false;
  std::chrono::steady_clock::time_point begun_at_ GUARDED_BY(mutex_){};
  std::chrono::nanoseconds waited_ GUARDED_BY(mutex_){};  // for those who had fallen behind
  // Of the upstream thread.
  boost::asio::steady_timer room_;
  bool begun_ = false;
  std::vector<std::function<void()>> when_begun_;
  std::function<void()> when_unread_;
};

/// Calls an action once, when the head of an answer is there, and only while this lives. Several for one
/// answer end in reverse order of their beginning. On the upstream thread.
class WhenBegun {
 public:
  /// @param answer  outlives it; null: nothing will come
  WhenBegun(GrowingAnswer* answer, std::function<void()> action) : answer_(answer) {
    if (answer_ != nullptr) answer_->when_begun_.push_back(std::move(action));
  }
  ~WhenBegun() {
    if (answer_ != nullptr && !answer_->when_begun_.empty()) answer_->when_begun_.pop_back();
  }
  WhenBegun(const WhenBegun&) = delete;
  WhenBegun& operator=(const WhenBegun&) = delete;

 private:
  GrowingAnswer* const answer_;
};

}  // namespace roktcached::upstream
