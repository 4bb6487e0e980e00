# Everything comes from Debian 12 packages; packaging/apt-packages.txt lists them.
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(simdjson REQUIRED)
find_package(CLI11 REQUIRED)
find_package(tomlplusplus REQUIRED)

# LibTorch's own configuration appends to CMAKE_CXX_FLAGS and pins C++14 on its targets; one interface
# target keeps that away from the folders that do without tensors.
find_package(Torch REQUIRED)
add_library(vepe_torch INTERFACE)
target_include_directories(vepe_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
target_link_libraries(vepe_torch INTERFACE ${TORCH_LIBRARIES} OpenMP::OpenMP_CXX)

find_package(PkgConfig REQUIRED)
pkg_check_modules(HWY REQUIRED IMPORTED_TARGET libhwy)

if(VEPE_MEDIA)
  pkg_check_modules(LIBAV REQUIRED IMPORTED_TARGET libavformat libavcodec libavutil libswscale libavdevice)
  pkg_check_modules(JPEG REQUIRED IMPORTED_TARGET libjpeg)
  find_package(OpenCV REQUIRED COMPONENTS core imgproc imgcodecs)
endif()

if(VEPE_DEVELOPER)
  find_package(GTest REQUIRED)
  find_package(benchmark REQUIRED)
endif()
