# Puts the styles, scripts and icon of the dashboard into its document, so that a browser has all of it with one answer.
# cmake -D FOLDER=…/page -D OUTPUT=….html -P bundle.cmake
#
# Each module becomes a function of its own in one script, behind those that it imports:
#   import {count} from './format.js';   const {count} = modules.format;
#   import * as model from './model.js'; const model = modules.model;
#   export const count = …               const count = …, and `count` in what the function returns

cmake_minimum_required(VERSION 3.25)

# Names that begin a line with `export`, each a const, a function or a class.
function(exports_of text result)
  string(REGEX MATCHALL "\nexport (async )?(const|function|class) [A-Za-z]+" lines "${text}")
  list(TRANSFORM lines REPLACE "^.* " "")
  list(JOIN lines ", " names)
  set(${result} "${names}" PARENT_SCOPE)
endfunction()

# Appends a module to `script`, and before it those that it imports and that are not in `done` yet.
function(add_module name)
  list(APPEND done ${name})
  file(READ ${FOLDER}/${name}.js text)
  string(PREPEND text "\n")
  string(REGEX MATCHALL "\nimport [^;]* from '\\./[a-z]+\\.js'" imports "${text}")
  foreach(import ${imports})
    string(REGEX REPLACE ".*/([a-z]+)\\.js'$" "\\1" imported "${import}")
    if(NOT imported IN_LIST done)
      add_module(${imported})
    endif()
  endforeach()
  exports_of("${text}" exports)
  string(REGEX REPLACE "\nimport \\* as ([A-Za-z]+) from '\\./([a-z]+)\\.js';" "\nconst \\1 = modules.\\2;" text "${text}")
  string(REGEX REPLACE "\nimport ({[^}]*}) from '\\./([a-z]+)\\.js';" "\nconst \\1 = modules.\\2;" text "${text}")
  string(REPLACE "\nexport " "\n" text "${text}")
  if(text MATCHES "\n(import|export) ")
    message(FATAL_ERROR "${name}.js: bundle.cmake knows no such import or export")
  endif()
  string(APPEND script "\nmodules.${name} = (() => {${text}return {${exports}};\n})();\n")
  set(script "${script}" PARENT_SCOPE)
  set(done "${done}" PARENT_SCOPE)
endfunction()

# Puts a text in the place of what names a file in the document.
function(embed name opening text closing)
  string(FIND "${document}" "${name}" at)
  if(at EQUAL -1 OR text MATCHES "</(script|style)|<!--")
    message(FATAL_ERROR "index.html lacks ${name}, or what takes its place would end too early")
  endif()
  string(REPLACE "${name}" "${opening}${text}${closing}" document "${document}")
  set(document "${document}" PARENT_SCOPE)
endfunction()

set(done "")
set(script "'use strict';\nconst modules = {};\n")
add_module(page)
file(READ ${FOLDER}/index.html document)
foreach(style uplot/uPlot.min.css page.css)
  file(READ ${FOLDER}/${style} text)
  embed("<link rel=\"stylesheet\" href=\"page/${style}\">" "<style>" "${text}" "</style>")
endforeach()
file(READ ${FOLDER}/icon.svg text)
foreach(character "\"=%22" "#=%23" "<=%3C" ">=%3E" "\n=")  # what a data: URL or its attribute cannot hold
  string(REGEX MATCH "^(.)=(.*)" _ "${character}")
  string(REPLACE "${CMAKE_MATCH_1}" "${CMAKE_MATCH_2}" text "${text}")
endforeach()
embed("page/icon.svg" "data:image/svg+xml," "${text}" "")
# As a function: to run it takes longer than all else, and the first figures are shown without it.
file(READ ${FOLDER}/uplot/uPlot.iife.min.js text)
embed("<script src=\"page/uplot/uPlot.iife.min.js\"></script>" "<script>const libraryOfCharts = () => {\n" "${text}" "\nreturn uPlot;\n};</script>")
embed("<script src=\"page/page.js\" type=\"module\"></script>" "<script>" "${script}" "</script>")
file(WRITE ${OUTPUT} "${document}")
