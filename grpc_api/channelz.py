"""The protocol grpc.channelz.v1 over what our transport has counted: its server, and each connection to it.

A scorer opens no channels of gRPC itself, so it shows none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address
from typing import Any, Final, TypeVar

from grpc_channelz.v1 import channelz_pb2 as pb

from features.errors import RequestError
from grpc_api.call import Call
from grpc_api.messages import parse_into
from grpc_api.methods import Method, UnaryMethod
from grpc_api.status import UnknownNameError
from grpc_api.traffic import ConnectionView, TransportView

SERVICE: Final = pb.DESCRIPTOR.services_by_name["Channelz"].full_name
SERVER_ID: Final = 1
MOST_RESULTS: Final = 100
"""As many as a page has by default, and at most."""

Request = TypeVar("Request")


class Channelz:
    """Shows a transport, which is made with this among its methods."""

    def __init__(self, transport: Callable[[], TransportView]) -> None:
        self._find = transport

    @property
    def _transport(self) -> TransportView:
        return self._find()

    def methods(self) -> Iterator[Method]:
        """The methods of the protocol."""
        yield self._method("GetServers", pb.GetServersRequest, self.servers)
        yield self._method("GetServer", pb.GetServerRequest, self.server)
        yield self._method("GetServerSockets", pb.GetServerSocketsRequest, self.sockets)
        yield self._method("GetSocket", pb.GetSocketRequest, self.socket)
        yield self._method("GetTopChannels", pb.GetTopChannelsRequest, lambda _: pb.GetTopChannelsResponse(end=True))
        yield self._method("GetChannel", pb.GetChannelRequest, lambda asked: _none("channel", asked.channel_id))
        yield self._method(
            "GetSubchannel", pb.GetSubchannelRequest, lambda asked: _none("subchannel", asked.subchannel_id)
        )

    def servers(self, asked: pb.GetServersRequest) -> pb.GetServersResponse:
        """The one server, where it is not asked for later ones."""
        found = [self._server()] if asked.start_server_id <= SERVER_ID else []
        return pb.GetServersResponse(server=found, end=True)

    def server(self, asked: pb.GetServerRequest) -> pb.GetServerResponse:
        """The one server."""
        self._require_server(asked.server_id)
        return pb.GetServerResponse(server=self._server())

    def sockets(self, asked: pb.GetServerSocketsRequest) -> pb.GetServerSocketsResponse:
        """A page of the open connections, in the order in which they were made."""
        self._require_server(asked.server_id)
        if asked.max_results < 0:
            raise RequestError("max_results", f"is {asked.max_results}", "send none, or a positive number")
        later = sorted(each.number for each in self._connections() if each.number >= asked.start_socket_id)
        page = later[: min(asked.max_results or MOST_RESULTS, MOST_RESULTS)]
        refs = [pb.SocketRef(socket_id=number) for number in page]
        return pb.GetServerSocketsResponse(socket_ref=refs, end=len(page) == len(later))

    def socket(self, asked: pb.GetSocketRequest) -> pb.GetSocketResponse:
        """One connection."""
        for each in self._connections():
            if each.number == asked.socket_id:
                return pb.GetSocketResponse(socket=_socket(each))
        raise UnknownNameError("socket", f"{asked.socket_id} is not open", "ask GetServerSockets for those that are")

    def _server(self) -> pb.Server:
        traffic = self._transport.traffic
        server = pb.Server(
            ref=pb.ServerRef(server_id=SERVER_ID, name=self._transport.address),
            data=pb.ServerData(
                calls_started=traffic.started, calls_succeeded=traffic.succeeded, calls_failed=traffic.failed
            ),
        )
        if traffic.last_started_ns:
            server.data.last_call_started_timestamp.FromNanoseconds(traffic.last_started_ns)
        return server

    def _connections(self) -> Sequence[ConnectionView]:
        return self._transport.connections()

    def _require_server(self, number: int) -> None:
        if number != SERVER_ID:
            raise UnknownNameError("server", f"{number} is not known", f"there is {SERVER_ID} alone")

    def _method(self, name: str, kind: type[Request], answer: Callable[[Request], Any]) -> Method:
        async def handle(data: bytes, _call: Call) -> bytes:
            request: Any = kind()
            parse_into(request, data)
            encoded: bytes = answer(request).SerializeToString()
            return encoded

        return UnaryMethod(f"/{SERVICE}/{name}", "admin", handle)


def _socket(connection: ConnectionView) -> pb.Socket:
    traffic = connection.traffic
    socket = pb.Socket(
        ref=pb.SocketRef(socket_id=connection.number, name=connection.peer),
        data=pb.SocketData(
            streams_started=traffic.started,
            streams_succeeded=traffic.succeeded,
            streams_failed=traffic.failed,
            messages_sent=traffic.sent,
            messages_received=traffic.received,
        ),
        local=_address(connection.local),
        remote=_address(connection.peer),
    )
    for instant, ns in (
        (socket.data.last_remote_stream_created_timestamp, traffic.last_started_ns),
        (socket.data.last_message_sent_timestamp, traffic.last_sent_ns),
        (socket.data.last_message_received_timestamp, traffic.last_received_ns),
    ):
        if ns:
            instant.FromNanoseconds(ns)
    if connection.security is not None:
        socket.security.tls.other_name = connection.security
    return socket


def _address(text: str) -> pb.Address:
    """An address as gRPC writes it, taken apart."""
    kind, _, rest = text.partition(":")
    if kind == "unix":
        return pb.Address(uds_address=pb.Address.UdsAddress(filename=rest))
    host, _, port = rest.rpartition(":")
    try:
        packed = ip_address(host.strip("[]").partition("%")[0]).packed
        return pb.Address(tcpip_address=pb.Address.TcpIpAddress(ip_address=packed, port=int(port)))
    except ValueError:
        return pb.Address(other_address=pb.Address.OtherAddress(name=text))


def _none(kind: str, number: int) -> Any:
    raise UnknownNameError(kind, f"{number} is not known", f"a scorer has no {kind}s of its own")
