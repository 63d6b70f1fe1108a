"""Addresses of datasets: secrets go to whoever connects, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.errors import DomainError
from offline_training.sources import address_of

WHERE = "model.yaml: models.m.dataset.url"
SECRET = "s3/cr@t:%"


def test_a_secret_goes_to_the_database_alone() -> None:
    """It is escaped as the URL needs it, and stands in no text that people read."""
    shown = "postgresql+pg8000://reader:${PASSWORD}@db:5432/shop?password=${PASSWORD}"
    address = address_of(WHERE, shown, {"PASSWORD": SECRET})
    assert address.url == "postgresql+pg8000://reader:s3%2Fcr%40t%3A%25@db:5432/shop?password=s3%2Fcr%40t%3A%25"
    assert (address.shown, address.scheme) == (shown, "postgresql")
    assert SECRET not in repr(address)
    assert "s3%2F" not in repr(address)
    assert address.cleaned(f"no {SECRET}\n  nor s3%2Fcr%40t%3A%25") == "no *** nor ***"


def test_a_placeholder_may_be_the_whole_address_or_a_part_of_a_path() -> None:
    """There it is no secret to escape."""
    environment = {"WHOLE": "s3://key:word@bucket/a.parquet", "DAY": "2024/01"}
    assert address_of(WHERE, "${WHOLE}", environment).url == environment["WHOLE"]
    assert address_of(WHERE, "${WHOLE}", environment).cleaned("the word is refused") == "the *** is refused"
    assert address_of(WHERE, "data/${DAY}/*.csv", environment).url == "data/2024/01/*.csv"


def test_a_mounted_secret_is_read(tmp_path: Path) -> None:
    """A file of the folder of secrets stands in for a variable."""
    (tmp_path / "PASSWORD").write_text("sesame\n")
    address = address_of(WHERE, "mysql://me:${PASSWORD}@db/x", {"MILLSTREAM_SECRETS": str(tmp_path)})
    assert address.url == "mysql://me:sesame@db/x"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("postgresql://reader:sesame@db/shop", "holds a password"),
        ("postgresql://reader:ses/ame@db/shop", "holds a password"),
        ("s3://KEY:sesame@bucket/a.parquet", "holds a password"),
        ("postgresql://db/shop?user=me&password=sesame", "holds a secret, password"),
        ("clickhouse://db/shop?api_key=sesame", "holds a secret, api_key"),
        ("postgresql://reader:${NOBODY_SET_THIS}@db/shop", "names \\${NOBODY_SET_THIS}, which is not set"),
    ],
)
def test_a_secret_that_is_written_down_or_not_set_is_refused(url: str, problem: str) -> None:
    """The refusal says what to do, and does not repeat it."""
    with pytest.raises(DomainError, match=problem) as caught:
        address_of(WHERE, url, {})
    assert "sesame" not in str(caught.value)
    assert WHERE in str(caught.value)
