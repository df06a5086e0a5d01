#include "core/caching/stored_response.h"

#include <algorithm>
#include <array>
#include <boost/container/small_vector.hpp>
#include <new>

#include "core/http/fields.h"

namespace roktcached::caching {

namespace {

constexpr http::FieldNames ours("Content-Length", "Date", "ETag", "Age", "Cache-Control", "Expires", "Pragma",
                                "Cache-Status", "Proxy-Status", "X-Request-Id", "Report-State", "Vary",
                                "Set-Cookie");

/// All texts of a response, or of what is to be one, but the key's.
template <class Response>
auto texts_of(Response& response) {
  return std::array{&response.route, &response.account_id, &response.campaign_id,
                    &response.head,  &response.entity_tag, &response.validator};
}

template <class Response>
std::size_t room_for_texts(const Response& response) {
  std::size_t room = response.key.room();
  for (const auto* text : texts_of(response)) room += Text::room_for(std::string_view(*text));
  return room;
}

/// Room behind an object, in its allocation.
struct Room {
  std::size_t size = 0;
  char* begin = nullptr;
};

/// Gives std::allocate_shared its one allocation, and makes it longer.
template <class T>
struct WithRoomBehind {
  using value_type = T;
  explicit WithRoomBehind(Room& wanted) : room(&wanted) {}
  template <class U>
  explicit WithRoomBehind(const WithRoomBehind<U>& other) : room(other.room) {}

  T* allocate(std::size_t count) {
    auto* const bytes = static_cast<char*>(::operator new(count * sizeof(T) + room->size));
    room->begin = bytes + count * sizeof(T);
    return reinterpret_cast<T*>(bytes);
  }
  void deallocate(T* object, std::size_t) { ::operator delete(object); }
  template <class U>
  bool operator==(const WithRoomBehind<U>&) const {
    return true;
  }

  Room* room;  // of the caller of share; looked at by allocate alone
};

/// Control block of a std::shared_ptr: its virtual table and two counts.
constexpr std::size_t control_block = 16;

/// What malloc makes of `size` bytes: one word more, in sixteens.
constexpr std::size_t allocated(std::size_t size) {
  constexpr std::size_t unit = 16;
  return std::max((size + sizeof(void*) + unit - 1) / unit * unit, 2 * unit);
}

std::size_t memory_of(const std::string& text) {
  const bool inside = text.capacity() <= std::string().capacity();
  return inside ? 0 : allocated(text.capacity() + 1);
}

std::size_t memory_of(const BodyPtr& body) {
  if (!body) return 0;
  const std::size_t octets = body->memory_size();
  const std::size_t object = allocated(control_block + sizeof(Body) + sizeof(void*));  // and what counts it
  return octets > 0 ? object + allocated(octets) : object;
}

}  // namespace

void KeptDate::make(WallTime time) {
  const auto text = http::fixed_date(time);
  if (!text) return;
  text_ = *text;
  made_for_ = time;
}

std::size_t StoredResponse::memory_size() const {
  const std::size_t object = control_block + sizeof(Room*) + sizeof(StoredResponse);
  const std::size_t history =
      restated ? allocated(control_block + sizeof(Restated)) + memory_of(restated->moved) : 0;
  return allocated(object + room_for_texts(*this)) + memory_of(body) + memory_of(gzip_body) + history;
}

StoredResponsePtr share(StoredResponse response) {
  Room room{room_for_texts(response)};
  const auto shared =
      std::allocate_shared<StoredResponse>(WithRoomBehind<StoredResponse>(room), std::move(response));
  char* place = shared->key.move_text_to(room.begin);
  for (Text* text : texts_of(*shared)) place = text->move_to(place);
  return shared;
}

StoredResponsePtr share(StoredResponse response, const Texts& texts) {
  Room room{room_for_texts(texts)};
  const auto shared =
      std::allocate_shared<StoredResponse>(WithRoomBehind<StoredResponse>(room), std::move(response));
  char* place = shared->key.write_to(room.begin, texts.key);
  const auto written = texts_of(texts);
  std::size_t next = 0;
  for (Text* text : texts_of(*shared)) place = text->write_to(place, *written[next++]);
  return shared;
}

std::string end_to_end_lines(const http::Fields& upstream) {
  constexpr std::size_t usual_fields = 16;
  boost::container::small_vector<http::Field, usual_fields> kept;
  const http::HopByHopFields hop_by_hop(upstream);
  for (const auto& field : upstream.all()) {
    const bool dropped = ours.contain(field.name) || hop_by_hop.contain(field.name);
    if (!dropped) kept.push_back(field);
  }
  return http::lines_of(kept);
}

}  // namespace roktcached::caching
