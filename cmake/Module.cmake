# vepe_module(NAME [TORCH] DEPENDS a b ... LIBRARIES x y ...)
#
# One folder of src/ = one static library vepe_NAME = one namespace. Sources are all *.cpp of the folder
# (and its sub-folders) except *_test.cpp, which become one test program vepe_NAME_test.
# DEPENDS names other modules: arrows point down only, so a wrong include fails in the build.
# TORCH says that the folder handles tensors; such folders share one precompiled <torch/torch.h>.
function(vepe_module NAME)
  cmake_parse_arguments(ARG "TORCH" "" "DEPENDS;LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  if(NOT sources)
    return()
  endif()

  add_library(vepe_${NAME} STATIC ${sources})
  target_include_directories(vepe_${NAME} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  foreach(dependency IN LISTS ARG_DEPENDS)
    target_link_libraries(vepe_${NAME} PUBLIC vepe_${dependency})
  endforeach()
  target_link_libraries(vepe_${NAME} PUBLIC ${ARG_LIBRARIES})
  vepe_target_options(vepe_${NAME})
  if(ARG_TORCH)
    target_link_libraries(vepe_${NAME} PUBLIC vepe_torch)
    vepe_use_torch_header(vepe_${NAME})
  endif()

  if(VEPE_DEVELOPER AND tests)
    add_executable(vepe_${NAME}_test ${tests})
    target_link_libraries(vepe_${NAME}_test PRIVATE vepe_${NAME} GTest::gtest GTest::gmock GTest::gtest_main)
    target_compile_definitions(vepe_${NAME}_test PRIVATE VEPE_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                               VEPE_BINARY="${CMAKE_BINARY_DIR}/vepe")
    vepe_target_options(vepe_${NAME}_test)
    if(ARG_TORCH)
      vepe_use_torch_header(vepe_${NAME}_test)
      # The header was compiled with -fPIC; programs get -fPIE, with which the compiler silently ignores it.
      target_compile_options(vepe_${NAME}_test PRIVATE -fPIC)
    endif()
    add_test(NAME ${NAME} COMMAND vepe_${NAME}_test WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${NAME} PROPERTIES TIMEOUT 900)
  endif()
endfunction()

function(vepe_target_options TARGET)
  target_compile_options(${TARGET} PRIVATE -Wall -Wextra -Wno-unknown-pragmas -Wno-missing-field-initializers -Wno-subobject-linkage)
  if(VEPE_WERROR)
    target_compile_options(${TARGET} PRIVATE -Werror)
  endif()
  if(VEPE_SANITIZE)
    target_compile_options(${TARGET} PRIVATE -fsanitize=${VEPE_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${TARGET} PRIVATE -fsanitize=${VEPE_SANITIZE})
  endif()
endfunction()

# <torch/torch.h> costs 20 s a file and 9 s through a precompiled header: one header for all folders.
function(vepe_use_torch_header TARGET)
  if(NOT TARGET vepe_torch_header)
    file(WRITE ${CMAKE_BINARY_DIR}/torch_header.cpp "// carries the precompiled header\n")
    add_library(vepe_torch_header STATIC ${CMAKE_BINARY_DIR}/torch_header.cpp)
    target_link_libraries(vepe_torch_header PUBLIC vepe_torch)
    target_precompile_headers(vepe_torch_header PRIVATE <torch/torch.h> <ATen/Parallel.h>)
    vepe_target_options(vepe_torch_header)
  endif()
  target_precompile_headers(${TARGET} REUSE_FROM vepe_torch_header)
  # Loading that header is most of a file's cost, so files are compiled in batches; ccache would hash its 570 MB
  # once a file, which costs more than it saves.
  set_target_properties(${TARGET} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8 CXX_COMPILER_LAUNCHER "")
endfunction()
