"""The events of a fault run."""

from __future__ import annotations

from itertools import islice, pairwise

from deploy.faults.payments import BEGAN_US, POISONS, SOURCE, Payments
from features.decode import Decoder

ARRIVED_US = BEGAN_US + 60 * 86_400_000_000


def test_a_seed_decides_every_byte() -> None:
    """The same one brings back the same records."""
    assert list(Payments(1, 500)) == list(Payments(1, 500)) != list(Payments(2, 500))


def test_records_are_valid_or_bad_for_the_reason_that_they_say() -> None:
    """About one in a hundred is bad; columns are what the producer says; some are repeated byte for byte."""
    payments = list(Payments(1, 5_000))
    decoded = Decoder(SOURCE).decode([payment.value for payment in payments], [ARRIVED_US] * len(payments))
    for i, payment in enumerate(payments):
        assert decoded.reasons.get(i, "").partition(":")[0] == payment.reason
        if not payment.reason:
            assert decoded.columns[i] == (f"a{payment.account}", payment.paid_us, payment.cents, payment.units)
    assert 20 < len(decoded.reasons) < 100
    assert 50 < sum(one is other for one, other in pairwise(payments)) < 200


def test_every_kind_of_poison_is_sent() -> None:
    """Ordered, the next records are all bad, and no more than were ordered."""
    payments = Payments(1, 1_000)
    sent = iter(payments)
    before = list(islice(sent, 100))
    payments.poison(300)
    poisoned = list(islice(sent, 300))
    after = list(sent)
    assert {(payment.value, payment.reason) for payment in poisoned} == set(POISONS)
    assert sum(payment.reason != "" for payment in before + after) < 50
