"""Take 1,797 digits that people wrote (UCI, 1998) out of scikit-learn, the same at each run: ``python data/make.py``.

Replace this by a converter of your own pictures: one row each, a list of its pixels, all as long, and what it shows.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.datasets import load_digits

HERE = Path(__file__).resolve().parent
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def main() -> None:
    """Write ``digits.parquet`` beside this file: pictures of eight by eight pixels, from 0 to 16."""
    digits = load_digits()
    kinds = [DIGITS[digit] for digit in digits.target.tolist()]
    pq.write_table(pa.table({"pixels": pa.array(digits.data.tolist()), "kind": kinds}), HERE / "digits.parquet")


if __name__ == "__main__":
    main()
