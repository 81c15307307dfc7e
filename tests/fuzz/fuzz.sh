#!/bin/sh
# Builds the native modules with sanitizers and branch counters in a copy of the tree (kept in .make/fuzz-tree, so that only what
# has changed is built again), and fuzzes each target for SECONDS; with MERGE=1 what reached something new joins the corpora.
# The sanitizers' runtime is the one that atheris brings with its fuzzer, so the modules are linked without any.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}
seconds=${SECONDS_EACH:-60}
tree=$root/.make/fuzz-tree
mkdir -p "$tree/native" "$tree/loadtest"
rm -rf "$tree/docs" "$tree/gateway" "$tree/tests"
cp -rp "$root/setup.py" "$root/pyproject.toml" "$root/README.md" "$root/LICENSE" "$root/docs" "$root/gateway" "$root/tests" "$tree/"
cp -p "$root"/loadtest/*.py "$tree/loadtest/"
cp -p "$root"/native/*.py "$root"/native/*.pyx "$root"/native/*.pxd "$root"/native/*.pyi "$root"/native/*.h "$tree/native/"
cd "$tree"
GRANDSTAND_SANITIZE=fuzz "$python" -W ignore setup.py -q build_ext --inplace --build-temp build/fuzz
gcc -O2 -fPIC -shared -o coverage.so tests/fuzz/coverage.c
runtime=$("$python" -c 'import atheris; print(atheris.path())')/asan_with_fuzzer.so

fuzz() {
    GRANDSTAND_COVERAGE=$tree/coverage.so \
    LD_PRELOAD="$tree/coverage.so $runtime" \
    PYTHONMALLOC=malloc \
    ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:strict_string_checks=1:verify_asan_link_order=0 \
    UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
        "$python" -m tests.fuzz.run "$@" --grown "$root/.make/fuzz" > "$tree/$1.log" 2>&1 \
        || { tail -60 "$tree/$1.log"; echo "$1: failed; the input is in $tree" >&2; exit 1; }
}

for target in ${TARGETS:-frames requests extensions closing}; do
    echo "fuzzing $target for $seconds s"
    fuzz "$target" --seconds "$seconds"
    grep -E "^Done|^stat::(number|new_units)|DONE" "$tree/$target.log"
    if [ -n "${MERGE:-}" ]; then
        fuzz "$target" --merge
        grep "new files" "$tree/$target.log"
        cp "$tree/tests/fuzz/corpus/$target"/* "$root/tests/fuzz/corpus/$target/"
    fi
done
