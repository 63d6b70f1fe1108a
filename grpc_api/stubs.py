"""Makes the generated stubs from ``protos/``, or checks that those checked in are what the protos give.

``python -m grpc_api.stubs`` writes them, ``python -m grpc_api.stubs --check`` exits 1 when they are stale.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROTOS = ROOT / "protos"
GENERATED = Path("grpc_api/_generated")
PACKAGE_DOCSTRING = '"""Generated from protos/ by `python -m grpc_api.stubs`: do not edit."""\n'


def generate(target: Path) -> None:
    """Write the stubs of every proto below ``target``, a folder that stands for the project's root."""
    from grpc_tools import protoc  # type: ignore[import-untyped]  # ships no types; slow to import

    protos = sorted(PROTOS.rglob("*.proto"))
    outputs = [f"--{kind}_out={target}" for kind in ("python", "pyi", "grpc_python")]
    well_known = Path(protoc.__file__).parent / "_proto"
    # The virtual folder makes the imports inside the stubs absolute: grpc_api._generated.…
    arguments = ["protoc", f"-I{GENERATED}={PROTOS}", f"-I{well_known}", *outputs, *map(str, protos)]
    if protoc.main(arguments) != 0:
        sys.exit("protoc refused the protos; its message is above")
    for folder in [target / GENERATED, *(path for path in (target / GENERATED).rglob("*") if path.is_dir())]:
        (folder / "__init__.py").write_text(PACKAGE_DOCSTRING)


def stale_stubs(root: Path = ROOT) -> list[str]:
    """Files that differ from what the protos give, are missing, or should not be there."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh = read_tree(Path(folder) / GENERATED)
    present = read_tree(root / GENERATED)
    return sorted(name for name in fresh.keys() | present.keys() if fresh.get(name) != present.get(name))


def read_tree(folder: Path) -> dict[str, bytes]:
    """Every stub below a folder, by its path there."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*.py*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check; the exit code of the process."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if list(arguments) != ["--check"]:
        generate(ROOT)
        return 0
    stale = stale_stubs()
    for name in stale:
        print(f"{GENERATED / name} is stale: run `python -m grpc_api.stubs`", file=sys.stderr)  # noqa: T201 - a command's output
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
