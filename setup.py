"""Builds the Cython extensions of `native`; everything else is in pyproject.toml.

GRANDSTAND_SANITIZE=1 builds them with AddressSanitizer and UndefinedBehaviorSanitizer (`make sanitize`); `fuzz` does, too, with
counters of branches and without a runtime, which the fuzzer brings (`make fuzz`).
GRANDSTAND_SKIP_NATIVE=1 builds none (`make` installs the project first and builds them in place, where unchanged ones stay).
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

SANITIZE = os.environ.get("GRANDSTAND_SANITIZE", "")
SKIP_NATIVE = os.environ.get("GRANDSTAND_SKIP_NATIVE") == "1"
JOBS = os.cpu_count() or 1

compile_args = ["-O3", "-g", "-Wall", "-Wextra", "-Wno-unused-function", "-Wno-unused-parameter"]
link_args: list[str] = []
LIBRARIES = {"deflate": ["z"], "step": ["z"]}
macros = [("CYTHON_USE_TYPE_SPECS", "0")]
if SANITIZE:
    flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"]
    compile_args += ["-O1", *flags]
    if SANITIZE == "fuzz":
        compile_args += ["-fsanitize-coverage=trace-pc,trace-cmp"]
    else:
        link_args += flags


def extensions() -> list[Extension]:
    """One for each .pyx; a changed header builds all of them again."""
    headers = [str(path) for path in sorted(Path("native").glob("*.h"))]
    return [
        Extension(
            f"native.{path.stem}",
            [str(path)],
            depends=headers,
            extra_compile_args=compile_args,
            extra_link_args=link_args,
            libraries=LIBRARIES.get(path.stem, []),
            define_macros=macros,
        )
        for path in sorted(Path("native").glob("*.pyx"))
    ]


if __name__ == "__main__":
    setup(
        ext_modules=[]
        if SKIP_NATIVE
        else cythonize(
            extensions(),
            language_level=3,
            nthreads=JOBS,
            quiet=True,
            compiler_directives={"embedsignature": True, "initializedcheck": False},
        ),
        options={"build_ext": {"parallel": JOBS}},
    )
