"""Builds the Cython extensions of `native`; everything else is in pyproject.toml.

GRANDSTAND_SANITIZE=1 builds them with AddressSanitizer and UndefinedBehaviorSanitizer (see `make sanitize`).
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

SANITIZE = os.environ.get("GRANDSTAND_SANITIZE") == "1"

compile_args = ["-O3", "-g", "-Wall", "-Wextra", "-Wno-unused-function", "-Wno-unused-parameter"]
link_args: list[str] = []
macros = [("CYTHON_USE_TYPE_SPECS", "0")]
if SANITIZE:
    flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"]
    compile_args += ["-O1", *flags]
    link_args += flags

extensions = [
    Extension(
        f"native.{path.stem}",
        [str(path)],
        extra_compile_args=compile_args,
        extra_link_args=link_args,
        define_macros=macros,
    )
    for path in sorted(Path("native").glob("*.pyx"))
]

setup(
    ext_modules=cythonize(
        extensions,
        language_level=3,
        nthreads=1,
        compiler_directives={"embedsignature": True, "initializedcheck": False},
    )
)
