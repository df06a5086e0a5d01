#include "server/upstream/wire/wire_request.h"

#include <algorithm>
#include <string>

#include "core/http/fields.h"
#include "core/http/forwarding.h"
#include "server/http/own_pseudonym.h"
#include "server/upstream/limit/retry_policy.h"

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

/// The line of Via of a request that has come over HTTP/1.1 through no other proxy, as nearly all have.
const std::string& usual_via_line() {
  static const std::string line = "Via: " + http::via_with("", "1.1", own_pseudonym()) + "\r\n";
  return line;
}

/// Whether a request without content says so (RFC 9110, section 8.6): where its method may have some.
bool expects_content(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "OPTIONS";
}

}  // namespace

WireRequest::WireRequest(std::string_view method, std::string_view base_path, std::string_view target)
    : method_size_(method.size()), repeatable_(upstream::is_repeatable(method, false)) {
  head_.reserve(std::max(usual_head, method.size() + base_path.size() + target.size() + usual_head / 2));
  head_.append(method).append(" ").append(base_path).append(target).append(" HTTP/1.1\r\n");
}

void WireRequest::add(std::string_view name, std::string_view value) {
  head_.append(name).append(colon).append(value).append(line_end);
  conditional_ = conditional_ || http::equal_ignoring_case(name, "If-None-Match") ||
                 http::equal_ignoring_case(name, "If-Modified-Since");
  asks_for_ranges_ = asks_for_ranges_ || http::equal_ignoring_case(name, "Range");
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

WireRequest wire_request(const UpstreamRequest& request, std::string_view base_path,
                         std::string_view host_line) {
  WireRequest wire(request.method, base_path, request.target);
  const auto add_unless_given = [&](std::string_view name, std::string_view line) {
    if (!request.fields.contains(name)) wire.add_line(line);
  };
  wire.add_line(host_line);
  add_unless_given("Accept", "Accept: */*\r\n");
  add_unless_given("Accept-Encoding",
                   request.accept_gzip ? "Accept-Encoding: gzip\r\n" : "Accept-Encoding: identity\r\n");
  add_unless_given("User-Agent", "User-Agent: roktcached\r\n");
  for (const auto& field : request.fields.all()) {
    if (!http::equal_ignoring_case(field.name, "Via")) wire.add(field.name, field.value);
  }
  const std::string_view received_via = request.fields.find("Via").value_or("");
  if (received_via.empty() && request.received_protocol == "1.1") {
    wire.add_line(usual_via_line());
  } else {
    wire.add("Via", http::via_with(received_via, request.received_protocol, own_pseudonym()));
  }
  if (request.only_reads) wire.set_only_reads();
  if (!request.body.empty() || expects_content(request.method)) wire.set_content(request.body);
  return wire;
}

}  // namespace roktcached::upstream
