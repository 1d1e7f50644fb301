#!/usr/bin/env bash
# Runs tests with the extension under AddressSanitizer and UndefinedBehaviorSanitizer: the given ones, or those of
# hostile input. Needs GCC, and the package installed with its extra `dev`. A report of a sanitizer ends the process.
set -euo pipefail
cd "$(dirname "$0")/.."
build=build/sanitized
cmake -S . -B $build -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1" -DCHAINRULE_SANITIZE=ON \
  -DSKBUILD_PROJECT_VERSION="$(python -c 'from importlib.metadata import version; print(version("chainrule"))')" \
  -DPython_EXECUTABLE="$(command -v python)" -Dpybind11_DIR="$(python -m pybind11 --cmakedir)"
cmake --build $build
rm -rf $build/site
mkdir $build/site
cp -r python/chainrule $build/site
rm -f $build/site/chainrule/*.so
cp $build/*.so $build/site/chainrule

[ $# -gt 0 ] || set -- tests/test_hostile_arrays.py tests/test_hostile_files.py
# Leaks are not reported, as the interpreter does not free its memory at exit. The quarantine of freed memory is small,
# as the tests measure the memory that reading a file needs.
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=4 UBSAN_OPTIONS=print_stacktrace=1
PYTHONMALLOC=malloc PYTHONPATH=$PWD/$build/site \
  LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" python -m pytest "$@"
