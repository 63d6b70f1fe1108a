"""Take docstrings out of SciPy's own modules, the same at each run: ``python data/make.py``.

Replace this by a converter of your own texts: one row each, the text and which kind it is of. Here the kind is the part
of SciPy that the text is from.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import scipy

HERE = Path(__file__).resolve().parent
KINDS = ("optimize", "signal", "stats")
SHORTEST = 40
_SECTION = re.compile(r"\n\s*(?:Parameters|Returns|Notes|Examples|See Also|Attributes|References|Methods)\n")


def main() -> None:
    """Write ``docstrings.parquet`` beside this file: each text once, before its first section."""
    folder = Path(scipy.__file__).parent
    found = sorted({(text, kind) for kind in KINDS for text in texts(folder / kind)})
    table = pa.table({"docstring": [text for text, _ in found], "kind": [kind for _, kind in found]})
    pq.write_table(table, HERE / "docstrings.parquet")


def texts(folder: Path) -> Iterator[str]:
    """What modules, functions and classes say of themselves."""
    for path in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            said = ast.get_docstring(node) if isinstance(node, ast.FunctionDef | ast.ClassDef) else None
            text = " ".join(_SECTION.split(said)[0].split()) if said else ""
            if len(text) >= SHORTEST:
                yield text


if __name__ == "__main__":
    main()
