#include "storage/body_account.h"

#include <utility>

#include "core/caching/room_behind.h"

namespace roktcached::storage {

/// A body that is counted for as long as it lives.
class BodyAccount::Counted : public caching::Body {
 public:
  /// @param counted  bytes that have been added for it
  Counted(std::string_view octets, const FilePlace* place, BodyAccount& account, std::size_t counted) noexcept
      : Body(octets, place), account_(account) {
    account_.bytes_.fetch_add(size() - counted, std::memory_order_relaxed);  // less than 0 wraps, and fits
  }
  ~Counted() { account_.bytes_.fetch_sub(size(), std::memory_order_relaxed); }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  BodyAccount& account_;
};

/// The same for a short body, whose octets stand behind it.
class BodyAccount::CountedWithOctets final : public Counted {
 public:
  CountedWithOctets(std::size_t size, BodyAccount& account, std::size_t counted) noexcept
      : Counted({caching::room_behind(*this), size}, nullptr, account, counted) {}
};

/// The same for a long body, with its string.
struct BodyAccount::CountedText {
  CountedText(BodyAccount& account, std::string of, std::size_t bytes) noexcept
      : text(std::move(of)), counted(text, nullptr, account, bytes) {}

  const std::string text;  // outlives what shows it
  const Counted counted;
};

/// The same for a body that stands in the file.
struct BodyAccount::CountedInFile {
  CountedInFile(BodyAccount& account, MemoryFile::Extent from, std::size_t bytes) noexcept
      : extent(std::move(from)), place(extent.place()), counted(extent.octets(), &place, account, bytes) {}

  const MemoryFile::Extent extent;  // outlives what stands there
  const FilePlace place;
  const Counted counted;
};

bool BodyAccount::take(std::size_t bytes) noexcept {
  if (bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= bound_) return true;
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  return false;
}

BodyAccount::Reading BodyAccount::read() const {
  return {.all = bytes_.load(std::memory_order_relaxed),
          .growing = growing_.load(std::memory_order_relaxed),
          .bound = bound_,
          .refused = refused_.load(std::memory_order_relaxed)};
}

BodyAccount::Growing::Growing(Growing&& other) noexcept
    : account_(other.account_), bytes_(std::exchange(other.bytes_, 0)) {}

BodyAccount::Growing& BodyAccount::Growing::operator=(Growing&& other) noexcept {
  if (this == &other) return *this;
  remove(bytes_);
  account_ = other.account_;
  bytes_ = std::exchange(other.bytes_, 0);
  return *this;
}

bool BodyAccount::Growing::try_add(std::size_t bytes) {
  if (account_ != nullptr) {
    if (!account_->take(bytes)) return false;
    account_->growing_.fetch_add(bytes, std::memory_order_relaxed);
  }
  bytes_ += bytes;
  return true;
}

BodyAccount::Room BodyAccount::Growing::ask(std::size_t bytes) {
  if (try_add(bytes)) return Room::there;
  if (account_->give_way_ && account_->give_way_()) return Room::soon;
  account_->refused_.fetch_add(1, std::memory_order_relaxed);
  return Room::none;
}

void BodyAccount::Growing::remove(std::size_t bytes) noexcept {
  bytes_ -= bytes;
  if (account_ == nullptr) return;
  account_->bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  account_->growing_.fetch_sub(bytes, std::memory_order_relaxed);
}

BodyAccount::Body BodyAccount::Growing::share(std::string body) {
  if (account_ == nullptr) return caching::share_body(std::move(body));
  if (body.empty()) {
    remove(bytes_);
    return caching::no_body();
  }
  if (body.size() <= caching::short_body_max)
    return become(caching::share_copy<CountedWithOctets>(body, *account_, bytes_));
  body.shrink_to_fit();
  const auto text = std::make_shared<const CountedText>(*account_, std::move(body), bytes_);
  return become({text, &text->counted});
}

BodyAccount::Body BodyAccount::Growing::keep(std::string body) {
  auto extent = copy_to_file(body);
  if (!extent) return share(std::move(body));
  const auto in_file = std::make_shared<const CountedInFile>(*account_, std::move(*extent), bytes_);
  return become({in_file, &in_file->counted});
}

std::optional<MemoryFile::Extent> BodyAccount::Growing::copy_to_file(std::string_view body) {
  if (account_ == nullptr || account_->file_ == nullptr || body.size() < worth_a_file) return std::nullopt;
  Growing twice(*account_);
  return twice.try_add(body.size()) ? account_->file_->write(body) : std::nullopt;
}

BodyAccount::Body BodyAccount::Growing::become(Body counted) {
  account_->growing_.fetch_sub(std::exchange(bytes_, 0), std::memory_order_relaxed);
  return counted;
}

}  // namespace roktcached::storage
