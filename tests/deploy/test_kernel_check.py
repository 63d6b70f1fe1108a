"""What the doctor says of the kernel."""

from __future__ import annotations

import pytest

from deploy import doctor
from features.kernels import KERNEL


def test_the_doctor_names_the_kernel_that_runs() -> None:
    """Nothing to do where it is the compiled one."""
    assert doctor.check_kernel().startswith(KERNEL)


def test_a_missing_compiler_has_its_price_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not an error, for all bits are the same; but nobody should wonder about the speed."""
    monkeypatch.setattr(doctor, "KERNEL", "python")
    assert "C compiler" in doctor.check_kernel()
