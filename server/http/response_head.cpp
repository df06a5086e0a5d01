#include "server/http/response_head.h"

namespace roktcached::http {

namespace {

/// RFC 9110, section 15 has no class of status codes beyond these.
bool is_in_class(unsigned status) {
  return status >= 100 && status <= 599;
}

}  // namespace

Result<std::size_t> read_response_head(std::string_view bytes, HeadScan& scan, bool answers_head,
                                       std::optional<ResponseParser>& message, ResponseHead& head) {
  if (const auto size = scan.is_new() ? unfolded_head(bytes, scan.limits()) : std::nullopt) {
    const auto read = message.emplace(answers_head).read_head(bytes.substr(0, *size), head);
    if (read && is_in_class(head.status)) return *size;
  }
  const auto size = scan.scan(bytes);
  if (!size) return size.error();
  if (!*size) return std::size_t{0};
  const auto read = message.emplace(answers_head).read_head(bytes.substr(0, **size), head);
  if (!read) return read.error();
  return **size;
}

}  // namespace roktcached::http
