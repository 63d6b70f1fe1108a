"""Take data sets out of the packages that ship them, the same at each run: ``python data/make.py``.

Fisher's irises and the patients of the paper on least angle regression are scikit-learn's, readings of a space shuttle
river's (UCI Statlog), and docstrings SciPy's own: what its modules, functions and classes say of themselves, labelled
by the part of SciPy that they are in.
"""

from __future__ import annotations

import ast
import gzip
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from sklearn.datasets import load_diabetes, load_iris

HERE = Path(__file__).resolve().parent
TOPICS = ("optimize", "signal", "stats")
N_FLIGHTS = 4_000
SHORTEST = 40
_SECTION = re.compile(r"\n\s*(?:Parameters|Returns|Notes|Examples|See Also|Attributes|References|Methods)\n")


def main() -> None:
    """Write each set beside this file."""
    pq.write_table(flowers(), HERE / "flowers.parquet")
    pq.write_table(patients(), HERE / "patients.parquet")
    pq.write_table(flights(), HERE / "flights.parquet")
    pq.write_table(docstrings(), HERE / "docstrings.parquet")


def flowers() -> pa.Table:
    """One row a flower; its species is a label that no clustering needs."""
    iris = load_iris()
    return pa.table({"measures": pa.array(iris.data.tolist()), "label": pa.array(iris.target, pa.float64())})


def patients() -> pa.Table:
    """One row a patient: age, sex, body mass index, blood pressure, six values of blood; the illness a year later."""
    diabetes = load_diabetes(scaled=False)
    return pa.table({"signs": pa.array(diabetes.data.tolist()), "label": pa.array(diabetes.target, pa.float64())})


def flights() -> pa.Table:
    """The first readings; whether one is an anomaly is known of every other row alone."""
    with gzip.open(_folder("river") / "datasets" / "shuttle.csv.gz") as file:
        table = pyarrow.csv.read_csv(file).slice(0, N_FLIGHTS)
    sensors = zip(*(table[f"f{number}"].cast(pa.float64()).to_pylist() for number in range(1, 10)), strict=True)
    labels = [float(odd) if row % 2 else None for row, odd in enumerate(table["anomaly"].to_pylist())]
    return pa.table({"sensors": pa.array([list(row) for row in sensors]), "label": pa.array(labels, pa.float64())})


def docstrings() -> pa.Table:
    """Each text once, before its first section."""
    found = sorted({(text, topic) for topic in TOPICS for text in _texts(_folder("scipy") / topic)})
    return pa.table({"page_text": [text for text, _ in found], "label": [topic for _, topic in found]})


def _texts(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            said = ast.get_docstring(node) if isinstance(node, ast.FunctionDef | ast.ClassDef) else None
            text = " ".join(_SECTION.split(said)[0].split()) if said else ""
            if len(text) >= SHORTEST:
                yield text


def _folder(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


if __name__ == "__main__":
    main()
