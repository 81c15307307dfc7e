#!/bin/sh
# Builds the native modules with AddressSanitizer and UndefinedBehaviorSanitizer in a copy of the tree (kept in .make/sanitize-tree,
# so that only what has changed is built again), and runs there what drives them: the unit suites, the wire suite with a part of
# Autobahn's cases, the load client's suite and the corpora of the fuzzers. The gateway under the wire suite is sanitized as well.
# The sanitizers write to the descriptor of stderr, which pytest must not capture: their report would be lost with the process.
# Leaks are found by the tests themselves (native.counts); the interpreter's own would drown what LeakSanitizer says.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}
tree=$root/.make/sanitize-tree
mkdir -p "$tree/native" "$tree/loadtest" "$tree/dashboard"
rm -rf "$tree/docs" "$tree/gateway" "$tree/tests"
cp -rp "$root/setup.py" "$root/pyproject.toml" "$root/README.md" "$root/LICENSE" "$root/docs" "$root/gateway" "$root/tests" "$tree/"
cp -p "$root"/loadtest/*.py "$tree/loadtest/"
cp -rp "$root/dashboard/scripts" "$tree/dashboard/"
cp -p "$root"/native/*.py "$root"/native/*.pyx "$root"/native/*.pxd "$root"/native/*.pyi "$root"/native/*.h "$tree/native/"
cd "$tree"
# Two of them say nothing here: freed memory stays in ASan's quarantine, and the fuzzer has a target of its own (`make fuzz`).
without="--deselect tests/native/test_limits.py::test_memory_of_a_crowd_is_given_back
 --deselect tests/fuzz/test_fuzz.py::test_a_moment_of_fuzzing"
GRANDSTAND_SANITIZE=1 "$python" -W ignore setup.py -q build_ext --inplace --build-temp build/sanitize
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" \
PYTHONMALLOC=malloc \
ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:strict_string_checks=1 \
UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
GRANDSTAND_SANITIZE=1 \
    "$python" -m pytest ${SUITES:-tests/native tests/swarm tests/edge tests/wire tests/fuzz} \
    $without -p no:cacheprovider --capture=sys --timeout 600 "$@"
