"""A shop with an embedded stack, asked as its operator and its customers would."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import redis
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from deploy.instants import parse_instant
from deploy.stack_file import StackFile, read_stack
from deploy.status import StatusReport, stack_status
from features.errors import MillstreamError
from features.settings import Settings, load_settings
from grpc_api.client import Client
from streams.logs import KafkaLogs
from tests.end_to_end.millstream import Millstream
from tests.waiting import wait_until

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
        return read_stack(self.run.var / "kiosk") if self.status().running else None

    @property
    def settings(self) -> Settings:
        """As a command finds them."""
        return load_settings(project="kiosk", var=self.run.var)

    def store(self) -> redis.Redis:
        """A client of the stack's store."""
        store = self.settings.store
        return redis.Redis(host=store.host, port=store.port, db=store.database)

    def status(self) -> StatusReport:
        """What the verb of that name says."""
        return stack_status(self.settings, "kiosk")

    def is_healthy(self) -> bool:
        """Whether all is well."""
        return self.status().healthy

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
        scorer = self.settings.scorer
        as_of = parse_instant("", "1998-06-30")
        with Client(f"{scorer.host}:{scorer.port}") as client:
            try:
                found = client.get_features({"customer_id": customer}, service="churn", as_of=as_of)
            except MillstreamError:
                return None
        return found.values[f"{VIEW}:purchases_ever"]

    def buy(self, customer: str, n: int = 1) -> None:
        """So many purchases of a customer, all in the first partition."""
        bought = {"customer_id": customer, "purchased_at": "1998-06-01T00:00:00Z", "cds": 1, "amount_usd": 2.5}
        producer = Producer({"bootstrap.servers": self.settings.kafka.bootstrap_servers, "log_level": 0})
        for _ in range(n):
            producer.produce(TOPIC, json.dumps(bought).encode(), partition=0)
        assert producer.flush(30) == 0

    def remake_topic(self) -> None:
        """Delete the topic and make it anew, as somebody might who knows nothing of this stack."""
        logs = KafkaLogs(self.settings.kafka.bootstrap_servers)
        partitions = logs.describe([TOPIC])[TOPIC].partitions
        admin = AdminClient({"bootstrap.servers": self.settings.kafka.bootstrap_servers, "log_level": 0})
        admin.delete_topics([TOPIC])[TOPIC].result(30)
        logs.create([TOPIC], partitions)

    def wait_for_count(self, customer: str, count: int, deadline_s: float = 90.0) -> None:
        """Return once a customer is served with so many purchases."""
        wait_until(lambda: self.count_of(customer) == count, deadline_s, f"{count} purchases of {customer}")

    def wait_for_problem(self, text: str, deadline_s: float = 90.0) -> None:
        """Return once `status` says so."""
        wait_until(
            lambda: any(text in problem for problem in self.status().problems), deadline_s, f"a problem of {text!r}"
        )
