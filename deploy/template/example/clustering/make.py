"""Take the irises that Fisher measured in 1936 out of scikit-learn, the same at each run: ``python data/make.py``.

Replace this by a converter of your own rows: one Parquet file, one row each. What kinds they are of is not told.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.datasets import load_iris

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Write ``flowers.parquet`` beside this file."""
    iris = load_iris()
    names = [name.removesuffix(" (cm)").replace(" ", "_") + "_cm" for name in iris.feature_names]
    columns = {name: pa.array(values) for name, values in zip(names, iris.data.T, strict=True)}
    pq.write_table(pa.table(columns), HERE / "flowers.parquet")


if __name__ == "__main__":
    main()
