#include "server/upstream/growing_answer.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <limits>
#include <utility>

#include "server/asio.h"
#include "server/background.h"

namespace roktcached::upstream {

namespace {

/// How far the writer may be ahead of the fastest reader where not all is kept.
constexpr std::uint64_t max_ahead = std::uint64_t{256} << 10;
/// A reader that waits looks again after this long: a wake-up is lost where there is no memory for it.
constexpr std::chrono::seconds look_again{1};

Error fell_behind() {
  return {ErrorCode::overloaded, true,
          "the client has fallen behind what is kept of an answer that others read faster",
          ErrorSource::upstream};
}

}  // namespace

std::shared_ptr<GrowingAnswer> GrowingAnswer::make(asio::any_io_executor upstream_executor,
                                                   storage::BodyAccount& bodies, Bounds bounds, Keep keep) {
  return std::shared_ptr<GrowingAnswer>(
      new GrowingAnswer(std::move(upstream_executor), bodies, bounds, keep));
}

GrowingAnswer::GrowingAnswer(asio::any_io_executor upstream_executor, storage::BodyAccount& bodies,
                             Bounds bounds, Keep keep)
    : upstream_executor_(std::move(upstream_executor)),
      bounds_(bounds),
      blocks_(bodies, bounds.block),
      whole_(keep == Keep::whole),
      room_(upstream_executor_) {}

GrowingAnswer::ReaderPtr GrowingAnswer::attach() {
  auto reader = std::make_shared<Reader>(shared_from_this());
  const LockGuard lock(mutex_);
  const bool from_the_beginning = settled_ || blocks_.begin() == 0;
  readers_.push_back(reader.get());
  if (from_the_beginning) return reader;
  readers_.pop_back();
  return nullptr;
}

bool GrowingAnswer::has_readers() const {
  const LockGuard lock(mutex_);
  return !readers_.empty();
}

bool GrowingAnswer::worth_having() const {
  const LockGuard lock(mutex_);
  return worth_having_;
}

std::uint64_t GrowingAnswer::size() const {
  const LockGuard lock(mutex_);
  return blocks_.end();
}

bool GrowingAnswer::is_whole() const {
  const LockGuard lock(mutex_);
  return whole_;
}

/// From any thread.
void GrowingAnswer::detach(Reader& reader) {
  bool was_last = false;
  {
    const LockGuard lock(mutex_);
    was_last = std::erase(readers_, &reader) > 0 && readers_.empty() && !ended_;
    drop_what_all_have_read();
  }
  try {
    wake_writer_if_it_may();
    if (!was_last) return;
    asio::post(upstream_executor_, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self && self->when_unread_ && !self->has_readers()) self->when_unread_();
    });
  } catch (...) {  // the upstream's timeouts end it
    logging_failure("leaving an answer")(std::current_exception());
  }
}

void GrowingAnswer::add_interim(const InterimAnswer& answer) {
  {
    const LockGuard lock(mutex_);
    for (Reader* const reader : readers_) reader->interim_.push_back(answer);
  }
  wake_readers();
}

void GrowingAnswer::begin(AnswerHead head) {
  begun_ = true;
  {
    const LockGuard lock(mutex_);
    head_ = std::move(head);
    begun_at_ = std::chrono::steady_clock::now();
  }
  for (const auto& action : std::exchange(when_begun_, {})) action();
  wake_readers();
}

asio::awaitable<bool> GrowingAnswer::append(std::string piece) {
  {
    const LockGuard lock(mutex_);
    keep(piece);
  }
  wake_readers();
  while (true) {
    bool for_the_slow = false;
    std::chrono::nanoseconds longest = look_again;
    {
      const LockGuard lock(mutex_);
      const auto patience = patience_left();
      for_the_slow = patience > std::chrono::nanoseconds::zero();
      if (for_the_slow) longest = std::min(longest, patience);
      writer_waits_ = for_the_slow || nobody_is_ready();
      if (!writer_waits_) {
        drop_what_is_too_much();
        co_return whole_ || !readers_.empty();
      }
    }
    const auto since = std::chrono::steady_clock::now();
    room_.expires_at(since + longest);
    co_await room_.async_wait(as_result);
    const LockGuard lock(mutex_);
    if (for_the_slow) waited_ += std::chrono::steady_clock::now() - since;
  }
}

void GrowingAnswer::keep(std::string_view piece) {
  blocks_.append(piece);
  if (is_too_much()) whole_ = false;
  drop_what_all_have_read();
}

/// More than the bound or the account allows.
bool GrowingAnswer::is_too_much() const {
  return blocks_.bytes() > bounds_.bytes || blocks_.short_of_room();
}

/// Whether the writer would go on without any reader being able to follow.
bool GrowingAnswer::nobody_is_ready() const {
  if (whole_ || readers_.empty()) return false;
  const Reader* const fastest = std::ranges::max(readers_, {}, &Reader::position_);
  return blocks_.end() - fastest->position_ >= max_ahead;
}

/// How long those who have fallen behind are still to be waited for.
std::chrono::nanoseconds GrowingAnswer::patience_left() const {
  if (whole_ || readers_.size() < 2 || !is_too_much()) return {};
  const std::chrono::duration<double, std::nano> undelayed =
      std::chrono::steady_clock::now() - begun_at_ - waited_;
  const auto more = std::chrono::duration_cast<std::chrono::nanoseconds>(undelayed * bounds_.patience_share);
  return bounds_.patience + more - waited_;
}

void GrowingAnswer::drop_what_all_have_read() {
  if (whole_ || readers_.empty()) return;
  std::uint64_t read = std::numeric_limits<std::uint64_t>::max();
  for (const Reader* const reader : readers_) {
    if (reader->position_ >= blocks_.begin()) read = std::min(read, reader->position_);  // it is not lost
  }
  while (blocks_.first_ends_before(read) && !blocks_.first_is_growing()) blocks_.drop_first();
}

/// At the cost of those who have fallen behind the fastest.
void GrowingAnswer::drop_what_is_too_much() {
  if (whole_ || readers_.empty()) return;
  const std::uint64_t read = std::ranges::max(readers_, {}, &Reader::position_)->position_;
  while (blocks_.first_ends_before(read) && is_too_much()) blocks_.drop_first();
}

void GrowingAnswer::end(std::optional<Error> error) {
  {
    const LockGuard lock(mutex_);
    ended_ = true;
    error_ = std::move(error);
  }
  wake_readers();
}

std::string GrowingAnswer::content() const {
  return blocks_.content();
}

void GrowingAnswer::settle(caching::BodyPtr content) {
  const LockGuard lock(mutex_);
  settled_ = std::move(content);
  while (blocks_.bytes() > 0) blocks_.drop_first();
}

void GrowingAnswer::wake_readers() {
  std::vector<ReaderPtr> waiting;  // outside of the lock: the last owner of a reader takes it
  {
    const LockGuard lock(mutex_);
    for (Reader* const reader : readers_) {
      if (!std::exchange(reader->waits_, false)) continue;
      if (auto alive = reader->weak_from_this().lock()) waiting.push_back(std::move(alive));
    }
  }
  for (const ReaderPtr& reader : waiting) reader->wake();
}

/// From any thread.
void GrowingAnswer::wake_writer_if_it_may() {
  {
    const LockGuard lock(mutex_);
    const bool must_wait = nobody_is_ready() || patience_left() > std::chrono::nanoseconds::zero();
    if (!writer_waits_ || must_wait) return;
    writer_waits_ = false;
  }
  asio::post(upstream_executor_, [self = shared_from_this()] { self->room_.cancel(); });
}

GrowingAnswer::Reader::~Reader() {
  answer_->detach(*this);
}

asio::awaitable<GrowingAnswer::Piece> GrowingAnswer::Reader::read() {
  if (!timer_) timer_.emplace(co_await asio::this_coro::executor);
  while (true) {
    std::optional<Piece> piece = take();
    if (piece) {
      answer_->wake_writer_if_it_may();
      co_return std::move(*piece);
    }
    timer_->expires_after(look_again);
    co_await timer_->async_wait(as_result);
  }
}

/// @return nothing if it is to be waited for
std::optional<GrowingAnswer::Piece> GrowingAnswer::Reader::take() {
  if (gone_) {
    return AnswerEnd{Error{ErrorCode::client_gone, false, "the client has closed the connection"}};
  }
  GrowingAnswer& answer = *answer_;
  const LockGuard lock(answer.mutex_);
  if (!interim_.empty()) {
    InterimAnswer first = std::move(interim_.front());
    interim_.pop_front();
    return first;
  }
  if (answer.head_ && !std::exchange(head_given_, true)) return *answer.head_;
  if (answer.settled_ && position_ < answer.settled_->size()) {
    const std::string_view rest = answer.settled_->view().substr(position_);
    position_ += rest.size();
    return ContentBytes{answer.settled_, rest};
  }
  if (!answer.settled_ && position_ < answer.blocks_.begin()) return AnswerEnd{fell_behind()};
  if (!answer.settled_ && position_ < answer.blocks_.end()) {
    ContentBytes piece = answer.blocks_.from(position_);
    position_ += piece.bytes.size();
    answer.drop_what_all_have_read();
    return piece;
  }
  if (answer.ended_) return AnswerEnd{answer.error_};
  waits_ = true;
  return std::nullopt;
}

/// Called on any thread, where it may not wait.
void GrowingAnswer::Reader::wake() {
  asio::post(timer_->get_executor(), [self = shared_from_this()] { self->timer_->cancel(); });
}

void GrowingAnswer::Reader::leave() {
  gone_ = true;
  if (timer_) timer_->cancel();
}

void GrowingAnswer::Reader::leave_for_others() {
  const LockGuard lock(answer_->mutex_);
  answer_->worth_having_ = true;
}

std::optional<std::uint64_t> GrowingAnswer::Reader::length() const {
  const LockGuard lock(answer_->mutex_);
  return answer_->head_ ? answer_->head_->length : std::nullopt;
}

}  // namespace roktcached::upstream
