#include "server/upstream/wire/wire_request.h"

#include <algorithm>
#include <string>

#include "core/http/fields.h"
#include "server/http/own_pseudonym.h"

namespace roktcached::upstream {

namespace {

constexpr std::size_t usual_head = 512;
constexpr std::string_view colon = ": ";
constexpr std::string_view line_end = "\r\n";
constexpr std::string_view authorization = "Authorization: ";

/// Writes one text behind the other.
class Pen {
 public:
  /// @param at  has room for all that is written
  explicit Pen(char* at) : at_(at) {}
  Pen& operator<<(std::string_view text) {
    at_ = std::copy_n(text.data(), text.size(), at_);
    return *this;
  }

 private:
  char* at_;
};

}  // namespace

WireRequest::WireRequest(std::string_view method, std::string_view base_path, std::string_view target)
    : method_size_(method.size()) {
  head_.reserve(std::max(usual_head, method.size() + base_path.size() + target.size() + usual_head / 2));
  head_.append(method).append(" ").append(base_path).append(target).append(" HTTP/1.1\r\n");
}

void WireRequest::add(std::string_view name, std::string_view value) {
  const std::size_t before = head_.size();
  head_.resize(before + name.size() + colon.size() + value.size() + line_end.size());
  Pen(head_.data() + before) << name << colon << value << line_end;
  conditional_ = conditional_ || http::equal_ignoring_case(name, "If-None-Match") ||
                 http::equal_ignoring_case(name, "If-Modified-Since");
  asks_for_ranges_ = asks_for_ranges_ || http::equal_ignoring_case(name, "Range");
}

void WireRequest::add_via(std::string_view received, std::string_view protocol) {
  const std::string_view separator = received.empty() ? "" : ", ";
  head_.append("Via: ").append(received).append(separator);
  head_.append(protocol).append(" ").append(own_pseudonym()).append(line_end);
}

void WireRequest::set_content(std::string_view content) {
  content_ = content;
  add("Content-Length", std::to_string(content.size()));
}

void WireRequest::append_head(WipedBuffer& buffer) const {
  const std::size_t shown =
      scheme_.empty() ? 0 : authorization.size() + scheme_.size() + 1 + credential_.size() + line_end.size();
  const std::size_t size = head_.size() + shown + line_end.size();
  Pen pen(static_cast<char*>(buffer.prepare(size).data()));
  pen << head_;
  if (shown > 0) pen << authorization << scheme_ << " " << credential_ << line_end;
  pen << line_end;
  buffer.commit(size);
}

}  // namespace roktcached::upstream
