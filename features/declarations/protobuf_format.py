"""`ProtoFormat` → a message with its descriptors, from the ``.proto`` files in the domain's folder."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet

from features.errors import DomainError
from features.plan import ProtobufRecords

PROTOC_S = 60.0


def protobuf_message(where: str, name: str, repo: Path) -> ProtobufRecords:
    """The message of that full name, with the files that declare it and what it refers to."""
    protos = sorted(path.relative_to(repo).as_posix() for path in repo.rglob("*.proto"))
    if not protos:
        raise DomainError(where, f"names {name}, and the folder has no .proto file", "put the message's file into it")
    compiled = _compiled(repo, protos)
    declared = {message: file.name for file in compiled.file for message in _messages(file)}
    if name not in declared:
        ours = sorted(message for message, file in declared.items() if file in protos)
        raise DomainError(where, f"{name!r} is no message of {', '.join(protos)}", f"name one of {ours}")
    kept = _with_dependencies(compiled, declared[name])
    return ProtobufRecords(message=name, descriptors=kept.SerializeToString(deterministic=True))


def _compiled(repo: Path, protos: list[str]) -> FileDescriptorSet:
    """Descriptors of the folder's files and of all that they import."""
    with tempfile.TemporaryDirectory() as folder, as_file(files("grpc_tools") / "_proto") as well_known:
        out = Path(folder) / "descriptors"
        arguments = [f"-I{repo}", f"-I{well_known}", f"--descriptor_set_out={out}", "--include_imports", *protos]
        made = subprocess.run(  # noqa: S603 - our own interpreter; protoc writes its errors past Python's
            [sys.executable, "-m", "grpc_tools.protoc", *arguments],
            capture_output=True,
            text=True,
            timeout=PROTOC_S,
            check=False,
        )
        if made.returncode != 0:
            said = made.stderr.strip().partition("\n")[0]
            raise DomainError("the .proto files of the domain", f"do not compile ({said})", "correct them")
        return FileDescriptorSet.FromString(out.read_bytes())


def _messages(file: FileDescriptorProto) -> Iterator[str]:
    """Full names of a file's messages, nested ones too."""

    def walk(prefix: str, messages: list[DescriptorProto]) -> Iterator[str]:
        for message in messages:
            yield prefix + message.name
            yield from walk(f"{prefix}{message.name}.", list(message.nested_type))

    yield from walk(f"{file.package}." if file.package else "", list(file.message_type))


def _with_dependencies(compiled: FileDescriptorSet, name: str) -> FileDescriptorSet:
    """A file and those that it imports, dependencies first, as protoc orders them."""
    by_name = {file.name: file for file in compiled.file}
    wanted: set[str] = set()
    waiting = [name]
    while waiting:
        at = waiting.pop()
        if at not in wanted:
            wanted.add(at)
            waiting += by_name[at].dependency
    return FileDescriptorSet(file=[file for file in compiled.file if file.name in wanted])
