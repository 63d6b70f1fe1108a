"""Header blocks of a connection to heads of requests; a block that came before is not decoded again."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from grpc_api.http2.faults import StreamFault
from grpc_api.http2.hpack import HeadersTooLongError, HpackDecoder
from grpc_api.http2.request_head import RequestHead, check_field, malformed, to_request_head
from grpc_api.status import Code, Status

REMEMBERED: Final = 32
LONGEST_REMEMBERED: Final = 512
TOO_LONG: Final = RequestHead(path="", refusal=Status(Code.RESOURCE_EXHAUSTED, "the headers are too long"))


class HeaderBlocks:
    """The peer's header blocks, in the order in which they come: each may change what those after it mean.

    Clients send the same few blocks over and over, and a block means the same as long as the table does not change.
    """

    def __init__(self, max_list_bytes: int) -> None:
        self._decoder = HpackDecoder(max_list_bytes)
        self._heads: dict[bytes, RequestHead] = {}

    def to_head(self, stream_id: int, block: bytes) -> RequestHead:
        """The head of a request; ConnectionFault or StreamFault where it is none."""
        head = self._heads.get(block)
        if head is not None:
            return head
        changes = self._decoder.changes
        try:
            head = to_request_head(stream_id, self._decoder.decode(block))
        except HeadersTooLongError:
            head = TOO_LONG
        finally:
            if self._decoder.changes != changes:
                self._heads.clear()
        if self._decoder.changes == changes and len(block) <= LONGEST_REMEMBERED:
            if len(self._heads) >= REMEMBERED:
                self._heads.clear()
            self._heads[block] = head
        return head

    def check_trailers(self, stream_id: int, block: bytes) -> None:
        """Read the block after a request, whose fields gRPC has no use for; faults as `to_head`."""
        changes = self._decoder.changes
        try:
            for name, value in self._decoder.decode(block):
                if name[:1] == b":":
                    raise malformed(stream_id, "there is a pseudo-header in the trailers")
                check_field(stream_id, name, value)
        except HeadersTooLongError:
            raise malformed(stream_id, "the trailers are too long") from None
        finally:
            if self._decoder.changes != changes:
                self._heads.clear()

    def skip(self, block: bytes) -> None:
        """Read a block that nobody wants: what it does to the table counts all the same."""
        with suppress(StreamFault):
            self.check_trailers(0, block)
