#include "server/proxy/warming/learned_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "core/descriptor.h"
#include "storage/sqlite/private_file.h"

namespace roktcached::proxy {

namespace json = boost::json;

namespace {

using caching::AskHistory;
using Learned = caching::WarmSchedule::Learned;

constexpr std::size_t longest_file = std::size_t{16} << 20;
constexpr std::int64_t format_version = 1;

json::object to_json(const Learned& learned) {
  const AskHistory::Record& record = learned.history.record();
  json::array first_asks;
  for (std::size_t i = 0; i < record.times; ++i) first_asks.emplace_back(record.first_asks.at(i));
  json::object object = {{"id", caching::to_hex(learned.id)},
                         {"first_day", record.first_day},
                         {"last_day", record.last_day},
                         {"days", record.days},
                         {"first_asks", std::move(first_asks)}};
  if (learned.question.target.empty()) return object;
  object["target"] = learned.question.target;
  object["rokt_version"] = learned.question.rokt_version;
  object["content"] = learned.question.content;
  object["time_zone"] = learned.question.time_zone;
  object["lifetime_ms"] = learned.lifetime.count();
  object["unused_in_a_row"] = learned.unused_in_a_row;
  return object;
}

std::string text_in(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  return value == nullptr ? std::string() : std::string(value->as_string());
}

/// @throws where it is nothing that to_json has made
Learned from_json(const json::object& object) {
  AskHistory::Record record;
  record.first_day = object.at("first_day").to_number<std::int32_t>();
  record.last_day = object.at("last_day").to_number<std::int32_t>();
  record.days = object.at("days").to_number<std::uint32_t>();
  for (const json::value& time : object.at("first_asks").as_array())
    record.first_asks.at(record.times++) = time.to_number<std::int16_t>();
  const auto id = caching::key_hash_of_hex(text_in(object, "id"));
  const auto history = AskHistory::of(record);
  if (!id || !history) throw std::invalid_argument("no such history");
  Learned learned{.id = *id, .history = *history, .question = {}};
  if (!object.contains("target")) return learned;
  learned.question = {text_in(object, "target"), text_in(object, "rokt_version"), text_in(object, "content"),
                      text_in(object, "time_zone")};
  learned.lifetime = std::chrono::milliseconds{object.at("lifetime_ms").to_number<std::int64_t>()};
  learned.unused_in_a_row = object.at("unused_in_a_row").to_number<unsigned>();
  return learned;
}

/// @return nothing if the file is longer than accepted
Result<std::optional<std::string>> read_whole(int file, const std::string& path) {
  std::string text;
  constexpr std::size_t piece = 64 << 10;
  while (text.size() <= longest_file) {
    const std::size_t before = text.size();
    text.resize(before + piece);
    const ssize_t got = ::read(file, text.data() + before, piece);
    if (got < 0 && errno != EINTR) return storage::file_error(path, errno);
    text.resize(before + static_cast<std::size_t>(got < 0 ? 0 : got));
    if (got == 0) return std::optional(std::move(text));
  }
  return std::optional<std::string>();
}

Result<void> write_whole(int file, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written < 0 && errno != EINTR) return storage::file_error(path, errno);
    text.remove_prefix(static_cast<std::size_t>(written < 0 ? 0 : written));
  }
  return ::fsync(file) == 0 ? Result<void>() : storage::file_error(path, errno);
}

Error corrupt(const std::string& path, std::string_view why) {
  return {.code = ErrorCode::storage_corrupt,
          .context = path + " " + std::string(why) + "; it is written anew"};
}

}  // namespace

std::string learned_file_beside(const std::string& cache_file) {
  return cache_file.empty() ? std::string() : cache_file + ".templates";
}

Result<std::vector<Learned>> read_learned_file(const std::string& path) {
  const auto is_there = storage::check_private_file(path);
  if (!is_there) return is_there.error();
  if (!*is_there) return std::vector<Learned>();
  const auto file = storage::open_private_file(path, storage::Missing::refuse, [](std::string_view) {});
  if (!file) return file.error();
  const auto text = read_whole(file->descriptor.get(), path);
  if (!text) return text.error();
  if (!*text) return corrupt(path, "is longer than 16 MiB");
  std::vector<Learned> learned;
  try {
    const json::value document = json::parse(**text);
    if (document.at("version").as_int64() != format_version)
      return corrupt(path, "is of another version of roktcached");
    for (const json::value& one : document.at("learned").as_array())
      learned.push_back(from_json(one.as_object()));
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception&) {  // whatever is amiss, all of it is as good as lost
    return corrupt(path, "does not hold what was learned");
  }
  return learned;
}

Result<void> write_learned_file(const std::string& path, const std::vector<Learned>& learned) {
  json::array all;
  for (const Learned& one : learned) all.push_back(to_json(one));
  const std::string text =
      json::serialize(json::object{{"version", format_version}, {"learned", std::move(all)}}) + "\n";
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());  // of a process that was killed meanwhile
  const Descriptor file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.get() < 0) return storage::file_error(fresh, errno);
  auto written = write_whole(file.get(), text, fresh);
  if (written && ::rename(fresh.c_str(), path.c_str()) != 0) written = storage::file_error(path, errno);
  if (!written) ::unlink(fresh.c_str());
  return written;
}

}  // namespace roktcached::proxy
