# SPDX-License-Identifier: MIT
#
# Targets that check instead of build. All of them also run in script/test.

add_custom_target(
  check-all
  COMMAND "${PROJECT_SOURCE_DIR}/script/lint" --tidy "--build-dir=${PROJECT_BINARY_DIR}"
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
  USES_TERMINAL VERBATIM
  COMMENT "Running every linter")
if(TARGET tn_proto_gen)
  # clang-tidy reads the generated headers.
  add_dependencies(check-all tn_proto_gen)
endif()

if(TN_COVERAGE)
  add_custom_target(
    coverage-report
    COMMAND gcovr --root "${PROJECT_SOURCE_DIR}" --filter core/ --filter proto/ --filter server/
            --filter client/ --txt --html-details "${PROJECT_BINARY_DIR}/coverage.html"
            "${PROJECT_BINARY_DIR}"
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
    USES_TERMINAL VERBATIM
    COMMENT "Writing coverage.html")
endif()
