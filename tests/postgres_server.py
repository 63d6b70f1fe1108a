"""PostgreSQL as a child process, with one user who needs a password."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pg8000.dbapi
import pytest

from deploy.server_process import LOOPBACK, Server

USER, PASSWORD = "reader", "pass/word @%1"
ACCOUNT: Final = "postgres"
"""Of the system; the server refuses to run as root."""


def _programs() -> Path | None:
    """Where they are: Debian puts them on nobody's PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


needs_postgres = pytest.mark.skipif(_programs() is None, reason="no PostgreSQL: make servers")


class PostgresServer(Server):
    """Its folder must be one that `ACCOUNT` may enter."""

    name = "postgres"

    def prepare(self) -> None:
        if (self.folder / "data").exists():
            return
        secret = self.folder / "secret"
        secret.write_text(PASSWORD)
        if os.geteuid() == 0:
            shutil.chown(self.folder, ACCOUNT)
            shutil.chown(secret, ACCOUNT)
        options = ["-U", USER, "--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync", "--locale=C", "-E", "UTF8"]
        made = [*self._program("initdb"), "-D", str(self.folder / "data"), *options]
        subprocess.run(made, check=True, capture_output=True, timeout=60)

    def command(self) -> Sequence[str]:
        options = ["-p", str(self.port), "-h", LOOPBACK, "-k", "", "-c", "fsync=off"]
        return [*self._program("postgres"), "-D", str(self.folder / "data"), *options]

    def is_ready(self) -> bool:
        try:
            self.connect().close()
        except pg8000.dbapi.Error:
            return False
        return True

    def connect(self) -> pg8000.dbapi.Connection:
        """As the driver does."""
        return pg8000.dbapi.connect(USER, LOOPBACK, "postgres", self.port, PASSWORD, timeout=10)

    def _program(self, name: str) -> list[str]:
        programs = _programs()
        assert programs is not None
        as_account = ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--init-groups"]
        return [*(as_account if os.geteuid() == 0 else []), str(programs / name)]


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server that runs, in a folder of its own that goes away with it."""
    folder = Path(tempfile.mkdtemp(prefix="millstream-postgres-"))
    folder.chmod(0o755)
    try:
        with PostgresServer(folder) as server:
            yield server
    finally:
        shutil.rmtree(folder)
