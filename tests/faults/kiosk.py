"""A shop with an embedded stack, asked as its operator and its customers would."""

from __future__ import annotations

from typing import Any

import pandas as pd
import redis

from deploy.stack_file import StackFile, read_stack
from features.settings import Settings, load_settings
from tests.end_to_end.millstream import Millstream

TOPIC, VIEW = "purchases", "purchase_history"
MONTHS = pd.date_range("1997-01-01", "1998-06-01", freq="MS")


class Kiosk:
    """The command line on a domain called ``kiosk``, and how much of its history was sent."""

    def __init__(self, run: Millstream) -> None:
        self.run = run
        self.n_months = 0

    @property
    def stack(self) -> StackFile | None:
        """What runs; None where nothing does."""
        state = self.run("status", expect=None)["state"]
        return None if state == "down" else read_stack(self.run.var / "kiosk")

    @property
    def settings(self) -> Settings:
        """As a command finds them."""
        return load_settings(project="kiosk", var=self.run.var)

    def store(self) -> redis.Redis:
        """A client of the stack's store."""
        store = self.settings.store
        return redis.Redis(host=store.host, port=store.port, db=store.database)

    def is_healthy(self) -> bool:
        """Whether all is well; while it is not, the verb says so by its exit code."""
        return self.run("status", expect=None)["healthy"] is True

    def problems(self) -> str:
        """What `status` says is wrong."""
        return "; ".join(self.run("status", expect=None).get("problems", ()))

    def replay_month(self) -> pd.DataFrame:
        """Send the next month of the history, and wait until it is applied; its purchases."""
        begin, end = (f"{MONTHS[self.n_months + i]:%Y-%m-%d}" for i in (0, 1))
        self.n_months += 1
        sent = self.run("replay", "--from", begin, "--until", end, "--wait")
        log = pd.read_parquet(self.run.repo / "data" / f"{TOPIC}.parquet")
        month = log[(log["purchased_at"] >= begin) & (log["purchased_at"] < end)]
        assert sent["events"] == len(month) > 0
        return month

    def count_of(self, customer: str) -> Any:
        """How often a customer bought; None while the store may not be read."""
        found = self.run("features", "--customer", customer, "--as-of", "1998-06-30", expect=None)
        return found["features"][f"{VIEW}:purchases_ever"] if "features" in found else None
