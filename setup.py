"""What pyproject.toml cannot say: the modules in Cython. Where they cannot be built, those in Python serve."""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

DIRECTIVES = {
    "language_level": "3",
    "boundscheck": False,
    "cdivision": True,
    "initializedcheck": False,
    "wraparound": False,
}

setup(
    ext_modules=cythonize(
        [
            Extension(
                f"features.compiled.{source.stem}",
                [str(source)],
                optional=True,  # there may be no C compiler
                extra_compile_args=["-g0"],
            )
            for source in sorted(Path("features/compiled").glob("*.pyx"))
        ],
        build_dir="build",
        compiler_directives=DIRECTIVES,
    ),
    options={"build_ext": {"parallel": True}},
)
