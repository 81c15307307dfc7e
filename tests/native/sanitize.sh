#!/bin/sh
# Builds the native modules with AddressSanitizer and UndefinedBehaviorSanitizer in a copy of the tree, and runs tests/native there.
# The sanitizers write to the descriptor of stderr, which pytest must not capture: their report would be lost with the process.
# Leaks are found by the tests themselves (native.counts); the interpreter's own would drown what LeakSanitizer says.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir "$copy/tests" "$copy/gateway"
cp "$root/setup.py" "$root/pyproject.toml" "$root/README.md" "$copy"
cp "$root/LICENSE" "$copy" 2>/dev/null || : > "$copy/LICENSE"
cp -r "$root/native" "$copy/native"
cp -r "$root/tests/native" "$copy/tests/native"
cp "$root/tests/__init__.py" "$copy/tests"
rm -f "$copy"/native/*.so "$copy"/native/*.c
cd "$copy"
GRANDSTAND_SANITIZE=1 "$python" -W ignore setup.py -q build_ext --inplace
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" \
PYTHONMALLOC=malloc \
ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:strict_string_checks=1 \
UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
GRANDSTAND_SANITIZE=1 \
    "$python" -m pytest tests/native -p no:cacheprovider --capture=sys --timeout 600 "$@"
