# Writes a source that holds the dashboard's document, for page_document.h.
# cmake -D FILE=….html -D OUTPUT=….cpp -P embed.cmake
file(READ "${FILE}" bytes HEX)
string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
file(WRITE "${OUTPUT}" "// Made by server/admin/embed.cmake.
#include \"server/admin/page_document.h\"

namespace roktcached::admin {

namespace {

constexpr char document[] = {${bytes}};

}  // namespace

std::string_view page_document() {
  return {document, sizeof document};
}

}  // namespace roktcached::admin
")
