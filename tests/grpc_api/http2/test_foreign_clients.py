"""The clients of other languages: small programs of theirs that call a server and say what came of it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from features.settings import TlsSettings
from grpc_api.http2.tls import ServerTls
from tests.grpc_api.http2.serving import Serving
from tests.redis_servers import Authority

CLIENTS: Final = Path(__file__).parents[1] / "clients"
GO_CLIENT: Final = Path(__file__).parents[3] / "var" / "go" / "bin" / "grpc-go-client"
DEADLINE_S: Final = 100
EXPECTED: Final = {
    "short": True,
    "empty": True,
    "long": True,
    "gzip": True,
    "at_once": True,
    "error": "field: süß 100 %; send another",
    "late": True,
    "counted": 500,
    "in_turns": True,
    "failed": 0,
}
"""What all of them are to say; codes, they write in their own ways."""


def said(command: Sequence[str]) -> dict[str, Any]:
    """What a client says."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    return dict(json.loads(done.stdout))


def check(client: Sequence[str], folder: Path, codes: dict[str, str]) -> None:
    """Run a client against a plain server whose connections do not grow old, and against an encrypted one."""
    with Serving(age_s=0.5, look_s=0.1) as serving:
        assert said([*client, serving.address]) == EXPECTED | codes
        assert {call.metadata.get("user-agent", "").partition("/")[0] for call in serving.things.calls} <= {
            "grpc-go",
            "grpc-java-netty",
        }
        assert len({call.peer for call in serving.things.calls}) > 1
        assert serving.things.running == 0
    authority = Authority(folder)
    certificate, key = authority.issue("server")
    with Serving(tls=ServerTls(TlsSettings(certificate=certificate, key=key))) as serving:
        assert said([*client, serving.address, str(authority.ca_file)]) == EXPECTED | codes


@pytest.mark.skipif(not GO_CLIENT.exists(), reason="needs the client that `make fetch` builds where Go is")
def test_a_client_in_go_is_served(tmp_path: Path) -> None:
    """Calls of all kinds, while its connections are taken leave of; over TLS."""
    codes = {"code": "InvalidArgument", "unknown": "Unimplemented", "cancel": "Canceled"}

    check([str(GO_CLIENT)], tmp_path, codes)


@pytest.mark.peers
@pytest.mark.timeout(600)
def test_a_client_in_java_is_served(tmp_path: Path) -> None:
    """The same for Netty."""
    for program in ("java", "javac", "mvn"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}: make servers")
    build = ("mvn", "-q", "-B", "-f", str(CLIENTS / "java" / "pom.xml"), "prepare-package", f"-Dto={tmp_path / 'java'}")
    subprocess.run(build, check=True, timeout=500)
    path = f"{tmp_path / 'java' / 'classes'}:{tmp_path / 'java' / 'jars'}/*"
    codes = {"code": "INVALID_ARGUMENT", "unknown": "UNIMPLEMENTED", "cancel": "CANCELLED"}

    check(["java", "-cp", path, "millstream.clients.Main"], tmp_path, codes)
