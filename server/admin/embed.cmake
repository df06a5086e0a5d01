# Writes a source that holds the files of a folder, for page_files.h.
# cmake -D FOLDER=… -D "FILES=a.css;b.js" -D OUTPUT=….cpp -P embed.cmake
set(arrays "")
set(rows "")
set(number 0)
foreach(file ${FILES})
  file(READ "${FOLDER}/${file}" bytes HEX)
  string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
  string(APPEND arrays "constexpr char file_${number}[] = {${bytes}};\n")
  string(APPEND rows "    {\"${file}\", {file_${number}, sizeof file_${number}}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE "${OUTPUT}" "// Made by server/admin/embed.cmake.
#include \"server/admin/page_files.h\"

namespace roktcached::admin {

namespace {

${arrays}
constexpr PageFile files[] = {
${rows}};

}  // namespace

std::span<const PageFile> page_files() {
  return files;
}

}  // namespace roktcached::admin
")
