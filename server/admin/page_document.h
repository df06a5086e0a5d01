#pragma once

#include <string_view>

namespace roktcached::admin {

/// The dashboard as one document, with its styles, scripts and icon in it. Made of the folder `page` when the
/// program is built, by bundle.cmake and embed.cmake.
[[nodiscard]] std::string_view page_document();

}  // namespace roktcached::admin
