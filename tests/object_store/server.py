"""moto's server as a child process, with its bucket; it asks for signatures, and believes any."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyarrow.fs as pafs
import pytest

from deploy.peers.environments import VARIABLES
from deploy.server_process import LOOPBACK, Server
from tests.object_store.environment import interpreter, make

BUCKET: Final = "observed"

needs_object_store = pytest.mark.skipif(interpreter() is None, reason="no S3 server: make object-store")


class ObjectStore(Server):
    """Empty when it starts."""

    name = "moto"

    def command(self) -> Sequence[str]:
        python = interpreter()
        assert python is not None
        return [str(python), "-m", "moto.server", "-H", LOOPBACK, "-p", str(self.port)]

    def environment(self) -> dict[str, str]:
        return {**VARIABLES, "MOTO_S3_DEFAULT_KEY_BUFFER_SIZE": "0"}

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}/moto-api/", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    @property
    def parameters(self) -> str:
        """Of a URL that leads to it."""
        return f"?endpoint_override={self.address}&scheme=http&region=us-east-1"

    def put(self, path: Path, key: str) -> None:
        """Copy a file into the bucket."""
        store = pafs.S3FileSystem(
            access_key="writer", secret_key="writes", endpoint_override=self.address, scheme="http",
            region="us-east-1", allow_bucket_creation=True,
        )  # fmt: skip
        store.create_dir(BUCKET)
        with store.open_output_stream(f"{BUCKET}/{key}") as out:
            out.write(path.read_bytes())


@contextmanager
def object_store(folder: Path) -> Iterator[ObjectStore]:
    """A server that runs."""
    make()  # anew where the requirements changed
    with ObjectStore(folder) as server:
        yield server
