# SPDX-License-Identifier: MIT
#
# What makes libtenure usable from outside: headers, tenure.pc, the CMake
# package tenure::tenure, man pages, completion. Included by client/.

include(CMakePackageConfigHelpers)

install(
  TARGETS tenure
  EXPORT tenure-targets
  ARCHIVE COMPONENT client
  LIBRARY COMPONENT client
  FILE_SET HEADERS
  COMPONENT client)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/tenure")
install(
  EXPORT tenure-targets
  NAMESPACE tenure::
  FILE tenureTargets.cmake
  DESTINATION "${package_dir}"
  COMPONENT client)
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/tenureConfig.cmake.in"
                              tenureConfig.cmake INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file(tenureConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(
  FILES "${CMAKE_CURRENT_BINARY_DIR}/tenureConfig.cmake"
        "${CMAKE_CURRENT_BINARY_DIR}/tenureConfigVersion.cmake"
  DESTINATION "${package_dir}"
  COMPONENT client)

# Whoever links a static library links what it needs; a shared one knows.
if(BUILD_SHARED_LIBS)
  set(pc_requires "Requires.private: libprotobuf-c")
else()
  set(pc_requires "Requires: libprotobuf-c")
endif()
configure_file("${PROJECT_SOURCE_DIR}/cmake/tenure.pc.in" tenure.pc @ONLY)
install(
  FILES "${CMAKE_CURRENT_BINARY_DIR}/tenure.pc"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig"
  COMPONENT client)

foreach(section IN ITEMS 1 3 7)
  file(GLOB pages CONFIGURE_DEPENDS man/*.${section})
  install(FILES ${pages} DESTINATION "${CMAKE_INSTALL_MANDIR}/man${section}" COMPONENT client)
endforeach()

if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/completion/tenure")
  install(
    FILES completion/tenure
    DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions"
    COMPONENT client)
endif()
