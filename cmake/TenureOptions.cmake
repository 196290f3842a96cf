# SPDX-License-Identifier: MIT
#
# What can be chosen at configuration time. CMakePresets.json chooses for you.

option(BUILD_SHARED_LIBS "Build libtenure as a shared library" OFF)
option(TN_DEBUG "Hot-path checks, lock ranks, validation of structures" OFF)
option(TN_TEST_TINY "Shrink caches, segments and thresholds so that rare paths run constantly" OFF)
option(TN_FUZZ "Build the libFuzzer targets instead of the other tests (clang only)" OFF)
option(TN_COVERAGE "Count executed lines for gcovr" OFF)
option(TN_HARDEN "Stack protector, fortified libc calls, read-only relocations" OFF)

set(TN_ALLOCATOR jemalloc CACHE STRING "Where arenas and large blocks come from")
set_property(CACHE TN_ALLOCATOR PROPERTY STRINGS jemalloc system)
if(NOT TN_ALLOCATOR MATCHES "^(jemalloc|system)$")
  message(FATAL_ERROR "TN_ALLOCATOR is '${TN_ALLOCATOR}'; use jemalloc or system")
endif()

set(TN_SANITIZE none CACHE STRING "Which sanitizer to build with; address includes undefined")
set_property(CACHE TN_SANITIZE PROPERTY STRINGS none address thread)
if(NOT TN_SANITIZE MATCHES "^(none|address|thread)$")
  message(FATAL_ERROR "TN_SANITIZE is '${TN_SANITIZE}'; use none, address or thread")
endif()

if(TN_ALLOCATOR STREQUAL jemalloc AND NOT TN_SANITIZE STREQUAL none)
  message(FATAL_ERROR "A sanitizer cannot see into jemalloc: add -DTN_ALLOCATOR=system")
endif()
if(TN_FUZZ AND NOT CMAKE_C_COMPILER_ID STREQUAL Clang)
  message(FATAL_ERROR "TN_FUZZ needs libFuzzer, which comes with clang: use the preset 'fuzz'")
endif()

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Optimisation and debug information" FORCE)
endif()
