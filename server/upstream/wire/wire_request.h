#pragma once

#include <string_view>

#include "core/wiping_allocator.h"
#include "server/net/wiped_buffer.h"
#include "server/upstream/upstream.h"

namespace roktcached::upstream {

/// A request as it goes over the wire: of HTTP/1.1, its content, if any, announced by Content-Length. Its
/// head is written as it is made (RFC 9112, section 2.1), but for the credential: see ShownCredential.
class WireRequest {
 public:
  /// @param base_path, target  together in origin-form
  WireRequest(std::string_view method, std::string_view base_path, std::string_view target);

  /// Appends a field line.
  void add(std::string_view name, std::string_view value);
  /// Appends one that is written already, "Name: value\r\n": no condition, nor Range.
  void add_line(std::string_view line) { head_ += line; }
  /// @param content  outlives the request; announced also where it is empty
  void set_content(std::string_view content);

  [[nodiscard]] std::string_view method() const { return std::string_view(head_).substr(0, method_size_); }
  /// Whether it may be sent twice.
  [[nodiscard]] bool is_repeatable() const { return repeatable_; }
  /// From here on it is_repeatable whatever its method.
  void set_only_reads() { repeatable_ = true; }
  /// Whether 304 may be the answer (RFC 9110, section 13.1).
  [[nodiscard]] bool is_conditional() const { return conditional_; }
  /// Whether 206 may be (RFC 9110, section 14.2).
  [[nodiscard]] bool asks_for_ranges() const { return asks_for_ranges_; }
  [[nodiscard]] std::string_view content() const { return content_; }

  /// Appends the whole head, its credential and its empty line too, in one piece: growing would leave a copy
  /// of the credential behind.
  void append_head(WipedBuffer& buffer) const;

 private:
  friend class ShownCredential;

  WipedString head_;  // a client's credential may be in it
  std::size_t method_size_;
  std::string_view content_;
  bool repeatable_;
  bool conditional_ = false;
  bool asks_for_ranges_ = false;
  std::string_view scheme_;  // empty while no credential is shown
  std::string_view credential_;
};

/// The request as it goes to the upstream: with Host, with what every request has and this one lacks, and
/// with this proxy in Via.
/// @param request    outlives what is returned
/// @param base_path  of upstream.url
/// @param host_line  Host as a field line
[[nodiscard]] WireRequest wire_request(const UpstreamRequest& request, std::string_view base_path,
                                       std::string_view host_line);

/// A request's Authorization for as long as it is under way. The request only refers to it, so that there is
/// no copy of it but in what is sent, which is wiped.
class ShownCredential {
 public:
  /// @param request     outlives it
  /// @param scheme      such as "Bearer"
  /// @param credential  as the scheme writes it; both outlive it
  ShownCredential(WireRequest& request, std::string_view scheme, std::string_view credential)
      : request_(request) {
    request_.scheme_ = scheme;
    request_.credential_ = credential;
  }
  ~ShownCredential() { request_.scheme_ = request_.credential_ = {}; }
  ShownCredential(const ShownCredential&) = delete;
  ShownCredential& operator=(const ShownCredential&) = delete;

 private:
  WireRequest& request_;
};

}  // namespace roktcached::upstream
