#pragma once

#include <string_view>

#include "server/http/message.h"

namespace roktcached::admin {

/// Where the files of the dashboard are, beside "/".
inline constexpr std::string_view page_folder = "/page/";

/// The dashboard for "/", or what belongs to it for a path in page_folder: with a validator, and with a
/// policy that lets the browser load nothing from elsewhere and run nothing that is written in the page
/// itself. 304 where the browser has it, a problem where there is no such file.
[[nodiscard]] http::Answer page_answer(const http::Request& request);

}  // namespace roktcached::admin
