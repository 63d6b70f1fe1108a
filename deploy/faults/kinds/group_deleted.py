"""The consumer group deleted, with the offsets that it had committed."""

from __future__ import annotations

import random

from confluent_kafka import KafkaError, KafkaException

from deploy.faults.production_site import ProductionSite
from streams.app import group_name

DEADLINE_S = 10.0


def inject(site: ProductionSite, chance: random.Random) -> None:  # noqa: ARG001 - every kind is called alike
    """Stop its workers, for Kafka deletes no group that has members, delete it, and start them."""
    for worker in site.workers:
        worker.stop()
    group = group_name(site.plan)

    def deleted() -> bool:
        admin = site.new_admin()
        try:
            admin.delete_consumer_groups([group])[group].result(DEADLINE_S)
        except TimeoutError:  # its coordinator is being found, or loads what it knows
            return False
        except KafkaException as error:
            if error.args[0].code() == KafkaError.NON_EMPTY_GROUP:  # one that was killed lives on for a session
                return False
            if error.args[0].retriable():
                return False
            if error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
                raise
        return True

    site.until(deleted, f"group {group} deleted", at_rest=True)
    for worker in site.workers:
        worker.spawn()
