#pragma once

#include <string_view>

#include "server/upstream/connection.h"

namespace roktcached::upstream {

/// A request's Authorization for as long as it is under way. Beast's fields free their memory as it is, so
/// the value is wiped, and the field taken out, when this goes out of scope.
class ShownCredential {
 public:
  /// @param request     outlives it
  /// @param scheme      such as "Bearer"
  /// @param credential  as the scheme writes it
  ShownCredential(WireRequest& request, std::string_view scheme, std::string_view credential);
  ~ShownCredential();
  ShownCredential(const ShownCredential&) = delete;
  ShownCredential& operator=(const ShownCredential&) = delete;

 private:
  WireRequest& request_;
};

}  // namespace roktcached::upstream
