#pragma once

#include <string>

#include "server/upstream/wire/wire_request.h"

namespace roktcached::upstream {

/// The head of `request` as it goes over the wire.
inline std::string head_of(const WireRequest& request) {
  WipedBuffer buffer;
  request.append_head(buffer);
  return {static_cast<const char*>(buffer.cdata().data()), buffer.size()};
}

}  // namespace roktcached::upstream
