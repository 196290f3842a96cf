# SPDX-License-Identifier: MIT
#
# tn_flags: what every source of ours is compiled and linked with. It carries
# no include path: those come with the targets that are linked.
#
# Position independence: programs are PIE, so everything that ends up only in
# programs is compiled with -fPIE. Their thread-local variables then use the
# cheap initial-exec and local-exec models without further options. Only what
# ends up in a shared libtenure is compiled with -fPIC.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

add_library(tn_flags INTERFACE)

target_compile_options(
  tn_flags
  INTERFACE -Wall
            -Wextra
            -Wshadow
            -Wconversion
            -Wstrict-prototypes
            -Wmissing-prototypes
            -Wpointer-arith
            -Wundef
            -Wvla
            -Wwrite-strings
            -Wformat=2
            -Wimplicit-fallthrough
            -fno-common
            $<$<NOT:$<BOOL:$<TARGET_PROPERTY:POSITION_INDEPENDENT_CODE>>>:-fPIE>)

# clang also looks into the macros of protobuf-c and into functions that pass a
# va_list on, which gcc leaves alone. gcc sees best at -O2 what may be used
# uninitialised: with less it does not follow that outputs are written on
# success, and it warns of its own instrumentation.
if(CMAKE_C_COMPILER_ID STREQUAL GNU)
  target_compile_options(tn_flags INTERFACE -Wcast-qual
                                            $<$<CONFIG:Debug>:-Wno-maybe-uninitialized>)
else()
  target_compile_options(tn_flags INTERFACE -Wno-format-nonliteral)
endif()

target_compile_definitions(
  tn_flags
  INTERFACE _GNU_SOURCE
            TN_VERSION="${PROJECT_VERSION}"
            TN_DEBUG=$<BOOL:${TN_DEBUG}>
            TN_TEST_TINY=$<BOOL:${TN_TEST_TINY}>
            TN_ALLOCATOR_JEMALLOC=$<STREQUAL:${TN_ALLOCATOR},jemalloc>)

target_link_options(tn_flags INTERFACE -Wl,--as-needed)

if(TN_HARDEN)
  target_compile_options(tn_flags INTERFACE -fstack-protector-strong)
  target_compile_definitions(tn_flags INTERFACE _FORTIFY_SOURCE=2)
  target_link_options(tn_flags INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()

# Sanitizers and coverage apply to generated code as well: add_compile_options.
if(TN_SANITIZE STREQUAL address)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(TN_SANITIZE STREQUAL thread)
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
endif()
if(TN_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
  add_link_options(-fsanitize=fuzzer-no-link)
endif()
if(TN_COVERAGE)
  add_compile_options(--coverage -fprofile-update=atomic)
  add_link_options(--coverage)
endif()
