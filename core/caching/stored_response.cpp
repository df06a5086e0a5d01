#include "core/caching/stored_response.h"

#include <algorithm>
#include <array>
#include <memory_resource>
#include <utility>

#include "core/http/fields.h"

namespace roktcached::caching {

namespace {

constexpr http::FieldNames ours("Content-Length", "Date", "ETag", "Age", "Cache-Control", "Expires", "Pragma",
                                "Cache-Status", "Proxy-Status", "X-Request-Id", "Report-State", "Vary",
                                "Set-Cookie");

/// All texts of a response, or of one that is being made, except the key's.
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

/// Gives std::allocate_shared its one allocation, and makes it longer. An object is the last thing in what
/// allocate_shared asks for, so the room is right behind it.
template <class T>
struct WithRoomBehind {
  using value_type = T;
  explicit WithRoomBehind(std::size_t size) : room(size) {}
  template <class U>
  explicit WithRoomBehind(const WithRoomBehind<U>& other) : room(other.room) {}

  T* allocate(std::size_t count) {
    void* const bytes = std::pmr::get_default_resource()->allocate(count * sizeof(T) + room, alignof(T));
    return static_cast<T*>(bytes);
  }
  void deallocate(T* object, std::size_t count) {
    std::pmr::get_default_resource()->deallocate(object, count * sizeof(T) + room, alignof(T));
  }
  template <class U>
  bool operator==(const WithRoomBehind<U>&) const {
    return true;
  }

  std::size_t room;  // bytes
};

std::shared_ptr<StoredResponse> share_with_room(StoredResponse&& response, std::size_t room) {
  return std::allocate_shared<StoredResponse>(WithRoomBehind<StoredResponse>(room), std::move(response));
}

/// @param shared  of share_with_room
char* room_behind(StoredResponse& shared) {
  return reinterpret_cast<char*>(&shared + 1);
}

/// Control block of a std::shared_ptr: its virtual table and two counts.
constexpr std::size_t control_block = 16;

/// Malloc and a SlabMemory make this of `size` bytes: one word more, rounded up to sixteen.
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
  const std::size_t object = control_block + sizeof(WithRoomBehind<StoredResponse>) + sizeof(StoredResponse);
  const std::size_t history =
      restated ? allocated(control_block + sizeof(Restated)) + memory_of(restated->moved) : 0;
  return allocated(object + room_for_texts(*this)) + memory_of(body) + memory_of(gzip_body) + history;
}

StoredResponsePtr share(StoredResponse response) {
  const std::size_t room = room_for_texts(response);
  const auto shared = share_with_room(std::move(response), room);
  char* place = shared->key.move_text_to(room_behind(*shared));
  for (Text* text : texts_of(*shared)) place = text->move_to(place);
  return shared;
}

StoredResponsePtr share(StoredResponse&& response, const Texts& texts) {
  const auto shared = share_with_room(std::move(response), room_for_texts(texts));
  char* place = shared->key.write_to(room_behind(*shared), texts.key);
  const auto written = texts_of(texts);
  std::size_t next = 0;
  for (Text* text : texts_of(*shared)) place = text->write_to(place, *written[next++]);
  return shared;
}

void append_end_to_end_lines(std::string& lines, const http::Fields& upstream) {
  const http::HopByHopFields hop_by_hop(upstream);
  for (const auto& field : upstream.all()) {
    if (ours.contain(field.name) || hop_by_hop.contain(field.name)) continue;
    lines.append(field.name).append(": ").append(field.value).append("\r\n");
  }
}

}  // namespace roktcached::caching
