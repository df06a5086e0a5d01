#include "core/caching/body.h"

#include <unistd.h>

namespace roktcached::caching {

namespace {

/// A short one.
class BodyWithOctets final : public Body {
 public:
  explicit BodyWithOctets(std::size_t size) : Body({room_behind(*this), size}) {}
};

/// A long one.
struct TextAndBody {
  explicit TextAndBody(std::string of) : text(std::move(of)), body(text) {}
  const std::string text;
  const Body body;
};

std::size_t page_size() {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

}  // namespace

std::size_t Body::memory_size() const {
  struct Counted : Body {
    void* account;
  };
  if (empty()) return 0;
  if (size() <= short_body_max) return memory_with_room<Counted>(size());
  const std::size_t object = allocated(control_block + sizeof(Counted) + sizeof(std::string));
  if (place_ == nullptr) return object + allocated(size() + 1);
  return object + (size() + page_size() - 1) / page_size() * page_size();
}

const BodyPtr& no_body() {
  static const auto none = std::make_shared<const Body>();
  return none;
}

BodyPtr share_body(std::string body) {
  if (body.empty()) return no_body();
  if (body.size() <= short_body_max) return share_copy<BodyWithOctets>(body);
  body.shrink_to_fit();
  const auto shared = std::make_shared<const TextAndBody>(std::move(body));
  return {shared, &shared->body};
}

}  // namespace roktcached::caching
