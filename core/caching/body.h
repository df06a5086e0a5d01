#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "core/descriptor.h"

namespace roktcached::caching {

/// The content of an answer. It owns its octets, or shows those of a file, from where the kernel sends them
/// without copying them (sendfile(2)). Immutable, so safe from any thread.
class Body {
 public:
  Body() = default;
  explicit Body(std::string text) : octets_(std::move(text)) {}
  /// @param octets  mapped from the file; they and the file outlive this
  Body(std::string_view octets, FilePlace place) : octets_(InFile{octets, place}) {}

  [[nodiscard]] std::string_view view() const {
    const auto* const text = std::get_if<std::string>(&octets_);
    return text != nullptr ? std::string_view(*text) : std::get_if<InFile>(&octets_)->octets;
  }
  operator std::string_view() const { return view(); }
  [[nodiscard]] const char* data() const { return view().data(); }
  [[nodiscard]] std::size_t size() const { return view().size(); }
  [[nodiscard]] bool empty() const { return view().empty(); }
  friend bool operator==(const Body& body, std::string_view octets) { return body.view() == octets; }
  friend bool operator==(const Body& body, const Body& other) { return body.view() == other.view(); }

  /// The place of the octets in a file; null: they are in memory.
  [[nodiscard]] const FilePlace* place() const {
    const auto* const file = std::get_if<InFile>(&octets_);
    return file != nullptr ? &file->place : nullptr;
  }
  /// The memory that its octets take beside this object, in bytes, before an allocator rounds it.
  [[nodiscard]] std::size_t memory_size() const;

 private:
  struct InFile {
    std::string_view octets;
    FilePlace place;
  };

  std::variant<std::string, InFile> octets_;
};

using BodyPtr = std::shared_ptr<const Body>;

/// A body of no bytes.
[[nodiscard]] const BodyPtr& no_body();

/// Shares a body, and frees what its string has reserved beyond its size: content of unknown length arrives
/// in pieces, and its string grew ahead of them.
[[nodiscard]] BodyPtr share_body(std::string body);

}  // namespace roktcached::caching
