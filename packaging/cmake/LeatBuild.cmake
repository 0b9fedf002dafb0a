# How everything here is compiled, and helpers that keep the leaf lists to a line each.

add_library(leat_flags INTERFACE)
target_compile_features(leat_flags INTERFACE c_std_11 cxx_std_17)
target_compile_definitions(leat_flags INTERFACE _GNU_SOURCE)
target_compile_options(leat_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wvla
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes>
  $<$<BOOL:${LEAT_WERROR}>:-Werror>)
if(LEAT_SANITIZE)
  target_compile_options(leat_flags INTERFACE -fsanitize=${LEAT_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer -O1)
  target_link_options(leat_flags INTERFACE -fsanitize=${LEAT_SANITIZE})
endif()

set(CMAKE_C_EXTENSIONS ON) # gnu11: Linux is the platform
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
# An installed tree runs from wherever it is put: programs and plugins find libleat from where they are themselves.
file(RELATIVE_PATH bin_to_lib /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
set(CMAKE_INSTALL_RPATH "$ORIGIN/${bin_to_lib}")
set(LEAT_PLUGIN_INSTALL_DIR ${CMAKE_INSTALL_LIBDIR}/leat/plugins)
set(LEAT_PLUGIN_BUILD_DIR ${PROJECT_BINARY_DIR}/plugins)

find_package(Threads REQUIRED)

# leat_plugin(NAME sources... [LIBRARIES targets...]): a shared object with one exported symbol, found by the gateway as NAME.so.
function(leat_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LIBRARIES")
  add_library(plugin_${name} MODULE ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(plugin_${name} PRIVATE leat_flags leat_headers ${arg_LIBRARIES})
  target_link_options(plugin_${name} PRIVATE -Wl,-z,nodelete)
  if(NOT LEAT_SANITIZE)
    target_link_options(plugin_${name} PRIVATE -Wl,-z,defs)
  endif()
  set_target_properties(plugin_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
    LIBRARY_OUTPUT_DIRECTORY ${LEAT_PLUGIN_BUILD_DIR} INSTALL_RPATH "$ORIGIN/../..")
  install(TARGETS plugin_${name} LIBRARY DESTINATION ${LEAT_PLUGIN_INSTALL_DIR})
endfunction()

# leat_module(NAME sources... [LIBRARIES targets...]): one room of the gateway, as a static library gateway_NAME.
function(leat_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LIBRARIES")
  add_library(gateway_${name} STATIC ${arg_UNPARSED_ARGUMENTS})
  target_include_directories(gateway_${name} PUBLIC ${PROJECT_SOURCE_DIR}/gateway)
  target_link_libraries(gateway_${name} PRIVATE leat_flags PUBLIC leat_headers ${arg_LIBRARIES})
endfunction()

# What ctest takes for a failure even when the exit status is 0: Criterion does not notice a leak.
set(LEAT_TEST_FAILS "Sanitizer:|runtime error:")

# leat_test(NAME sources... [LIBRARIES targets...]): Criterion unit tests, run by ctest as unit.NAME.
function(leat_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LIBRARIES")
  if(LEAT_SANITIZE MATCHES "thread")
    return() # Criterion does not run under TSan; tests/stress does
  endif()
  add_executable(test_${name} ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(test_${name} PRIVATE leat_flags leat_test_support criterion ${arg_LIBRARIES})
  add_test(NAME unit.${name} COMMAND test_${name} --jobs 1)
  set_tests_properties(unit.${name} PROPERTIES FAIL_REGULAR_EXPRESSION "${LEAT_TEST_FAILS}" TIMEOUT 120)
endfunction()

# leat_program_test(KIND NAME sources... [LIBRARIES targets...] [ARGS arguments...] [TIMEOUT seconds]): a plain main(), run as KIND.NAME.
function(leat_program_test kind name)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "TIMEOUT" "LIBRARIES;ARGS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_executable(${kind}_${name} ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${kind}_${name} PRIVATE leat_flags leat_test_support ${arg_LIBRARIES})
  add_test(NAME ${kind}.${name} COMMAND ${kind}_${name} ${arg_ARGS})
  set_tests_properties(${kind}.${name} PROPERTIES FAIL_REGULAR_EXPRESSION "${LEAT_TEST_FAILS}" TIMEOUT ${arg_TIMEOUT})
endfunction()
