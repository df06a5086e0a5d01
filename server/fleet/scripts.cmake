# Writes a source that holds the Lua scripts, for scripts.h.
# cmake -D FOLDER=… -D OUTPUT=….cpp -P scripts.cmake
file(GLOB scripts ${FOLDER}/*.lua)
set(source "// Made by server/fleet/scripts.cmake.\n#include \"server/fleet/scripts.h\"\n\nnamespace roktcached::fleet {\n\n")
foreach(script ${scripts})
  get_filename_component(name ${script} NAME_WE)
  file(READ ${script} text)
  string(APPEND source "const Script ${name}_script{\"${name}\", R\"lua(${text})lua\"};\n\n")
endforeach()
file(WRITE ${OUTPUT} "${source}}  // namespace roktcached::fleet\n")
