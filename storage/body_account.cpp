#include "storage/body_account.h"

#include <utility>

#include "core/caching/stored_response.h"

namespace roktcached::storage {

/// A body in one allocation with what counts it.
class BodyAccount::Counted {
 public:
  /// @param counted  bytes that have been added for it
  Counted(BodyAccount& account, caching::Body octets, std::size_t counted) noexcept
      : body(std::move(octets)), account_(account) {
    account_.bytes_.fetch_add(body.size() - counted,
                              std::memory_order_relaxed);  // less than 0 wraps, and fits
  }
  ~Counted() { account_.bytes_.fetch_sub(body.size(), std::memory_order_relaxed); }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

  const caching::Body body;

 private:
  BodyAccount& account_;
};

/// The same for a body that stands in the file.
struct BodyAccount::CountedInFile {
  CountedInFile(BodyAccount& account, MemoryFile::Extent from, std::size_t bytes) noexcept
      : extent(std::move(from)), counted(account, {extent.octets(), extent.place()}, bytes) {}

  const MemoryFile::Extent extent;  // outlives what stands there
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
  body.shrink_to_fit();
  return become(std::make_shared<const Counted>(*account_, caching::Body(std::move(body)), bytes_));
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

BodyAccount::Body BodyAccount::Growing::become(const std::shared_ptr<const Counted>& counted) {
  account_->growing_.fetch_sub(std::exchange(bytes_, 0), std::memory_order_relaxed);
  return {counted, &counted->body};
}

BodyAccount::Body share_body(BodyAccount* account, std::string body) {
  return BodyAccount::Growing(account).share(std::move(body));
}

}  // namespace roktcached::storage
