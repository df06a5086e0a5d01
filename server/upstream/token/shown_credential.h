#pragma once

#include <string_view>

#include "server/upstream/wire/wire_request.h"

namespace roktcached::upstream {

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
