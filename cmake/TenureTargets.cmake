# SPDX-License-Identifier: MIT
#
# Helpers of the directories' CMakeLists.txt.

# Sets `out` to the C sources below the given directories, and looks again at
# every build, so that a new file needs no change here.
function(tn_glob_sources out)
  set(patterns)
  foreach(directory IN LISTS ARGN)
    list(APPEND patterns "${CMAKE_CURRENT_SOURCE_DIR}/${directory}/*.c")
  endforeach()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${patterns})
  list(SORT sources)
  set(${out} ${sources} PARENT_SCOPE)
endfunction()

# Says why a target is missing.
function(tn_skip target why)
  message(STATUS "Skipping ${target}: ${why}")
endfunction()

# Links those of the given targets that exist.
function(tn_link_existing target scope)
  foreach(library IN LISTS ARGN)
    if(TARGET ${library})
      target_link_libraries(${target} ${scope} ${library})
    endif()
  endforeach()
endfunction()
