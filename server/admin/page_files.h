#pragma once

#include <span>
#include <string_view>

namespace roktcached::admin {

/// A file of the folder `page`, as it was when the program was built.
struct PageFile {
  std::string_view path;  ///< within the folder, such as "uplot/uPlot.min.css"
  std::string_view bytes;
};

/// All that the page consists of. Made by embed.cmake at build time.
[[nodiscard]] std::span<const PageFile> page_files();

}  // namespace roktcached::admin
