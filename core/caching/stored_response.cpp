#include "core/caching/stored_response.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/caching/room_behind.h"
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

std::size_t memory_of(const std::string& text) {
  const bool inside = text.capacity() <= std::string().capacity();
  return inside ? 0 : allocated(text.capacity() + 1);
}

std::size_t memory_of(const BodyPtr& body) {
  return body ? body->memory_size() : 0;
}

}  // namespace

void KeptDate::make(WallTime time) {
  const auto text = http::fixed_date(time);
  if (!text) return;
  text_ = *text;
  made_for_ = time;
}

std::size_t StoredResponse::memory_size() const {
  const std::size_t history =
      restated ? allocated(control_block + sizeof(Restated)) + memory_of(restated->moved) : 0;
  return memory_with_room<StoredResponse>(room_for_texts(*this)) + memory_of(body) + memory_of(gzip_body) +
         history;
}

StoredResponsePtr share(StoredResponse response) {
  const std::size_t room = room_for_texts(response);
  const auto shared = share_with_room<StoredResponse>(room, std::move(response));
  char* place = shared->key.move_text_to(room_behind(*shared));
  for (Text* text : texts_of(*shared)) place = text->move_to(place);
  return shared;
}

StoredResponsePtr share(StoredResponse&& response, const Texts& texts) {
  const auto shared = share_with_room<StoredResponse>(room_for_texts(texts), std::move(response));
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
