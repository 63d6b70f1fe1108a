"""What pyproject.toml cannot say: the modules in Cython. Where they cannot be built, those in Python serve."""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

MODULES = cythonize(
    [
        Extension(f"features.compiled.{source.stem}", [str(source)], extra_compile_args=["-g0"])
        for source in sorted(Path("features/compiled").glob("*.pyx"))
    ],
    build_dir="build",
    compiler_directives={
        "language_level": "3",
        "cdivision": True,
        "initializedcheck": False,
        "wraparound": False,
    },
)
for module in MODULES:
    module.optional = True  # there may be no C compiler; cythonize forgets it where it is said before

setup(ext_modules=MODULES, options={"build_ext": {"parallel": True}})
