#include "server/upstream/wire_request.h"

#include <algorithm>
#include <string_view>

namespace roktcached::upstream {

namespace {

constexpr std::string_view version = " HTTP/1.1\r\n";
constexpr std::string_view colon = ": ";
constexpr std::string_view line_end = "\r\n";

std::size_t head_size(const WireRequest& request) {
  std::size_t size =
      request.method_string().size() + 1 + request.target().size() + version.size() + line_end.size();
  for (const auto& field : request)
    size += field.name_string().size() + colon.size() + field.value().size() + line_end.size();
  return size;
}

}  // namespace

void append_head(WipedBuffer& buffer, const WireRequest& request) {
  const std::size_t size = head_size(request);  // room for all at once: growing would leave a copy behind
  char* at = static_cast<char*>(buffer.prepare(size).data());
  const auto append = [&at](std::string_view text) { at = std::ranges::copy(text, at).out; };
  append(request.method_string());
  append(" ");
  append(request.target());
  append(version);
  for (const auto& field : request) {
    append(field.name_string());
    append(colon);
    append(field.value());
    append(line_end);
  }
  append(line_end);
  buffer.commit(size);
}

}  // namespace roktcached::upstream
