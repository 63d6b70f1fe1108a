"""Keys: of the scorer's callers (key), of people who publish and approve models (signer)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from deploy.invocation import Invocation, Outcome

CLIENT = Annotated[str, typer.Argument(help="Name of the client that is to call: letters, digits, - and _.")]
NAME = Annotated[str, typer.Argument(help="Name of the person, as the audit log will have it.")]
KEY_FILE = Annotated[Path, typer.Option("--key", help="File to make for the private key; MILLSTREAM_APPROVAL__KEY.")]
GROUP = Annotated[
    list[str] | None,
    typer.Option("--group", help="Methods that it may call, score or admin; once for each. Default: score."),
]


def key(call: Invocation, client: CLIENT, group: GROUP = None) -> Outcome:
    """Make an API key: shown here once, its hash added to the file of MILLSTREAM_SCORER__AUTH__API_KEYS."""
    from features.errors import SettingsError
    from grpc_api.access.api_keys import SETTING, new_key

    made, line = new_key(client, group or ["score"])
    file = call.base_settings.scorer.auth.api_keys
    if file is None:
        call.note(f"{SETTING} names no file; add this line to the scorers':")
        call.note(line)
    else:
        try:
            append(file, line)
        except OSError as error:
            problem = f"{file} cannot be written ({error.strerror})"
            raise SettingsError(SETTING, problem, "name a file in a folder that there is") from error
        call.note(f"added to {file}; scorers that follow it take it up within a second or two")
    return Outcome({"key": made, "line": line}, made)


def signer(call: Invocation, name: NAME, file: KEY_FILE) -> Outcome:  # noqa: ARG001 - every verb takes the call
    """Make a key pair for a person: the private key into a file of theirs, the public one for people in model.yaml."""
    from features.approval.signing import make_key

    public = make_key(file).public
    text = f"{file} holds the private key; keep it to yourself. Under people in model.yaml:\n  {name}: {public}"
    return Outcome({"name": name, "key": public, "file": str(file)}, text)


def append(file: Path, line: str) -> None:
    """Add a line, in one write; a file that is made is for its owner's eyes alone."""
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b") as opened:
        opened.seek(0)
        text = opened.read()
        opened.write((b"" if not text or text.endswith(b"\n") else b"\n") + f"{line}\n".encode())
