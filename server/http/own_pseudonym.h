#pragma once

#include <string>
#include <string_view>

namespace roktcached {

/// The beginning of the pseudonyms of all such proxies; random hexadecimal digits follow.
inline constexpr std::string_view pseudonym_prefix = "roktcached-";

/// The name of this process in Via (RFC 9110, section 7.6.3). Each process has another name, so that a
/// request that comes back is told from one that has come through another proxy of this kind. From any
/// thread.
[[nodiscard]] const std::string& own_pseudonym();

}  // namespace roktcached
