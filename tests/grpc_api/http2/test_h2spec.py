"""The conformance suite of others for HTTP/2 servers, all of it and strictly."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from features.settings import TlsSettings
from grpc_api.http2.tls import ServerTls
from tests.grpc_api.http2.serving import SERVICE, Serving
from tests.redis_servers import Authority

H2SPEC = Path(__file__).parents[3] / "var" / "go" / "bin" / "h2spec"
LEAST_CASES = 146

pytestmark = pytest.mark.skipif(not H2SPEC.exists(), reason="needs h2spec, which `make fetch` builds where Go is")


def failures(port: int, *options: str) -> Sequence[str]:
    """What h2spec complains of."""
    command = [str(H2SPEC), "-h", "127.0.0.1", "-p", str(port), "-P", f"{SERVICE}Echo", "-S", "-o", "5", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    told = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", done.stdout)
    assert told is not None, done.stdout + done.stderr
    assert int(told[1]) >= LEAST_CASES
    assert told[3] == "0"
    return [line for line in done.stdout.partition("Failures:")[2].splitlines() if "×" in line]


def test_h2spec_finds_no_fault(serving: Serving) -> None:
    """In none of its cases: frames, streams, windows, headers, HPACK."""
    assert failures(serving.port) == []


def test_h2spec_finds_no_fault_over_tls(tmp_path: Path) -> None:
    """The same behind TLS."""
    certificate, key = Authority(tmp_path).issue("server")
    tls = ServerTls(TlsSettings(certificate=certificate, key=key))
    with Serving(tls=tls) as serving:
        assert failures(serving.port, "-t", "-k") == []
