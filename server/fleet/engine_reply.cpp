#include "server/fleet/engine_reply.h"

#include <hiredis/hiredis.h>
#include <hiredis/read.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <new>

namespace roktcached::fleet {

namespace {

constexpr std::int64_t largest_number = std::int64_t{1} << 53;

Error no_reply(std::string context) {
  return {ErrorCode::upstream_invalid_response, true, std::move(context)};
}

/// Makes the reply that is being read, at its place in the list that it belongs to.
/// @return null if memory fails, which the reader tells
template <class Fill>
void* place(const redisReadTask* task, const Fill& fill) noexcept {
  try {
    EngineReply reply;
    fill(reply);
    if (task->parent == nullptr) return new EngineReply(std::move(reply));  // freed by free_reply, or taken
    auto& list = *static_cast<EngineReply*>(task->parent->obj);
    EngineReply& there = list.items.at(static_cast<std::size_t>(task->idx));
    there = std::move(reply);
    return &there;
  } catch (...) {
    return nullptr;
  }
}

void* make_text(const redisReadTask* task, char* text, std::size_t length) {
  return place(task, [&](EngineReply& reply) {
    reply.kind = task->type == REDIS_REPLY_ERROR    ? EngineReply::Kind::error
                 : task->type == REDIS_REPLY_STATUS ? EngineReply::Kind::status
                                                    : EngineReply::Kind::text;
    reply.text.assign(text, length);
  });
}

void* make_list(const redisReadTask* task, int elements) {
  // A few bytes announce many elements, and each of these takes more than it came in.
  auto& room = *static_cast<std::size_t*>(task->privdata);
  const std::size_t size = static_cast<std::size_t>(elements) * sizeof(EngineReply);
  if (elements < 0 || size > room) return nullptr;
  room -= size;
  return place(task, [&](EngineReply& reply) {
    reply.kind = EngineReply::Kind::list;
    reply.items.resize(static_cast<std::size_t>(elements));
  });
}

void* make_integer(const redisReadTask* task, long long value) {
  return place(task, [&](EngineReply& reply) {
    reply.kind = EngineReply::Kind::integer;
    reply.integer = value;
    reply.text = std::to_string(value);
  });
}

void* make_nil(const redisReadTask* task) {
  return place(task, [](EngineReply&) {});
}

void free_reply(void* reply) {
  delete static_cast<EngineReply*>(reply);
}

redisReplyObjectFunctions functions{make_text, make_list, make_integer, make_nil, free_reply};

}  // namespace

std::string_view EngineReply::text_at(std::size_t index) const {
  return index < items.size() ? std::string_view(items[index].text) : std::string_view();
}

std::int64_t EngineReply::number_at(std::size_t index) const {
  if (index >= items.size()) return 0;
  const EngineReply& item = items[index];
  std::int64_t value = item.integer;
  if (item.kind != Kind::integer)
    std::from_chars(item.text.data(), item.text.data() + item.text.size(), value);
  return std::clamp(value, -largest_number, largest_number);
}

double EngineReply::real_at(std::size_t index) const {
  if (index >= items.size()) return 0;
  const EngineReply& item = items[index];
  if (item.kind == Kind::integer) return static_cast<double>(item.integer);
  double value = 0;
  std::from_chars(item.text.data(), item.text.data() + item.text.size(), value);
  return std::isfinite(value) ? value : 0;
}

void EngineReplies::Freer::operator()(redisReader* reader) const {
  redisReaderFree(reader);
}

EngineReplies::EngineReplies(std::size_t max_reply)
    : reader_(redisReaderCreateWithFunctions(&functions)), max_reply_(max_reply), room_(max_reply) {
  if (!reader_) throw std::bad_alloc();
  reader_->privdata = &room_;
}

Result<void> EngineReplies::feed(std::string_view bytes) {
  unread_ += bytes.size();
  if (unread_ > max_reply_) return no_reply("the engine's reply is too large");
  if (redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK)
    return no_reply(std::string("the engine's reply: ") + reader_->errstr);
  return {};
}

Result<std::optional<EngineReply>> EngineReplies::next() {
  void* raw = nullptr;
  if (redisReaderGetReply(reader_.get(), &raw) != REDIS_OK)
    return no_reply(std::string("the engine's reply: ") + reader_->errstr);
  if (raw == nullptr) return std::optional<EngineReply>();
  const std::unique_ptr<EngineReply> reply(static_cast<EngineReply*>(raw));
  unread_ = reader_->len - reader_->pos;
  room_ = max_reply_;
  return std::optional<EngineReply>(std::move(*reply));
}

std::string engine_command(const std::vector<std::string_view>& words) {
  std::vector<const char*> texts;
  std::vector<std::size_t> lengths;
  for (const std::string_view word : words) {
    texts.push_back(word.data());
    lengths.push_back(word.size());
  }
  char* command = nullptr;
  const int length =
      redisFormatCommandArgv(&command, static_cast<int>(words.size()), texts.data(), lengths.data());
  if (length < 0) throw std::bad_alloc();
  const std::unique_ptr<char, decltype(&redisFreeCommand)> owned(command, redisFreeCommand);
  return {command, static_cast<std::size_t>(length)};
}

}  // namespace roktcached::fleet
