"""The protocol grpc.channelz.v1, as its clients ask it, over counts of a transport."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest
from grpc_channelz.v1 import channelz_pb2 as pb
from grpc_channelz.v1.channelz_pb2_grpc import ChannelzStub

from features.errors import RequestError
from grpc_api.call import Call
from grpc_api.channelz import MOST_RESULTS, SERVICE, Channelz
from grpc_api.methods import UnaryMethod, by_path
from grpc_api.status import UnknownNameError
from grpc_api.traffic import Traffic
from millstream import CallRefusedError
from tests.grpc_api.shop import open_shop, publish
from tests.waiting import wait_until


class Connection(NamedTuple):
    """One that is open."""

    number: int
    traffic: Traffic
    local: str = "ipv4:127.0.0.1:50051"
    peer: str = "ipv4:10.0.0.9:1234"
    security: str | None = None


class Transport:
    """Open connections, and what all have carried."""

    address = "127.0.0.1:50051"

    def __init__(self, *connections: Connection) -> None:
        self.traffic = Traffic()
        self._connections = connections

    def connections(self) -> Sequence[Connection]:
        return self._connections


async def ask(transport: Transport, method: str, request: Any) -> Any:
    """What the transport's own table answers."""
    found = by_path(Channelz(lambda: transport).methods())[f"/{SERVICE}/{method}"]
    assert isinstance(found, UnaryMethod)
    assert found.group == "admin"
    answer = getattr(pb, f"{method}Response")()
    answer.ParseFromString(await found.handler(request.SerializeToString(), Call()))
    return answer


def carried() -> Traffic:
    """A call that went well, one that failed, and one under way: four messages of those that ended."""
    traffic = Traffic()
    for _ in range(3):
        traffic.start()
    traffic.end(ok=True, received=1, sent=1)
    traffic.end(ok=False, received=2, sent=0)
    return traffic


async def test_every_method_of_the_protocol_is_served() -> None:
    """As its descriptor lists them."""
    names = {method.name for method in pb.DESCRIPTOR.services_by_name["Channelz"].methods}
    assert set(by_path(Channelz(Transport).methods())) == {f"/{SERVICE}/{name}" for name in names}


async def test_the_server_tells_its_calls() -> None:
    """Of all connections; there is one server, and no channel."""
    transport = Transport()
    transport.traffic = carried()
    listed = await ask(transport, "GetServers", pb.GetServersRequest())
    (server,) = listed.server
    assert listed.end
    assert server.ref.name == "127.0.0.1:50051"
    data = server.data
    assert (data.calls_started, data.calls_succeeded, data.calls_failed) == (3, 1, 1)
    assert data.last_call_started_timestamp.ToNanoseconds() == transport.traffic.last_started_ns
    number = server.ref.server_id
    assert (await ask(transport, "GetServer", pb.GetServerRequest(server_id=number))).server == server
    later = await ask(transport, "GetServers", pb.GetServersRequest(start_server_id=number + 1))
    assert (list(later.server), later.end) == ([], True)
    assert (await ask(transport, "GetTopChannels", pb.GetTopChannelsRequest())).end


async def test_a_connection_tells_its_streams_and_messages() -> None:
    """And who is at its ends, and what protects it."""
    secured = Connection(7, carried(), peer="ipv6:[::1]:99", security="TLSv1.3 TLS_AES_128_GCM_SHA256")
    local = Connection(8, Traffic(), local="unix:/run/scorer", peer="unix:")
    transport = Transport(secured, local)
    socket = (await ask(transport, "GetSocket", pb.GetSocketRequest(socket_id=7))).socket
    data = socket.data
    assert (data.streams_started, data.streams_succeeded, data.streams_failed) == (3, 1, 1)
    assert (data.messages_received, data.messages_sent) == (3, 1)
    assert data.last_message_sent_timestamp.ToNanoseconds() == secured.traffic.last_sent_ns
    assert (socket.remote.tcpip_address.ip_address, socket.remote.tcpip_address.port) == (b"\0" * 15 + b"\1", 99)
    assert socket.local.tcpip_address.ip_address == bytes([127, 0, 0, 1])
    assert socket.security.tls.other_name == "TLSv1.3 TLS_AES_128_GCM_SHA256"
    other = (await ask(transport, "GetSocket", pb.GetSocketRequest(socket_id=8))).socket
    assert other.local.uds_address.filename == "/run/scorer"
    assert not other.HasField("security")
    assert not other.data.HasField("last_message_sent_timestamp")


async def test_connections_come_in_pages() -> None:
    """By number; the last page says that it is."""
    transport = Transport(*(Connection(number, Traffic()) for number in range(MOST_RESULTS + 5, 0, -1)))
    asked = pb.GetServerSocketsRequest(server_id=1)
    first = await ask(transport, "GetServerSockets", asked)
    assert [ref.socket_id for ref in first.socket_ref] == list(range(1, MOST_RESULTS + 1))
    assert not first.end
    asked.start_socket_id = first.socket_ref[-1].socket_id + 1
    second = await ask(transport, "GetServerSockets", asked)
    assert [ref.socket_id for ref in second.socket_ref] == [MOST_RESULTS + each for each in range(1, 6)]
    assert second.end
    asked.max_results = 2
    assert len((await ask(transport, "GetServerSockets", asked)).socket_ref) == 2
    asked.max_results = -1
    with pytest.raises(RequestError, match="max_results"):
        await ask(transport, "GetServerSockets", asked)


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("GetServer", pb.GetServerRequest(server_id=2)),
        ("GetServerSockets", pb.GetServerSocketsRequest(server_id=0)),
        ("GetSocket", pb.GetSocketRequest(socket_id=3)),
        ("GetChannel", pb.GetChannelRequest(channel_id=1)),
        ("GetSubchannel", pb.GetSubchannelRequest(subchannel_id=1)),
    ],
)
async def test_what_there_is_not_is_not_found(method: str, request_: Any) -> None:
    """By its number."""
    with pytest.raises(UnknownNameError):
        await ask(Transport(), method, request_)


def test_a_scorer_shows_its_connections_to_channelz_clients(tmp_path: Path) -> None:
    """Over its own port: the calls of the connection that asks, those of one that has gone, and the sum of both."""
    publish(tmp_path, "1")
    with open_shop(tmp_path) as (shop, client):
        client.score({"buyer": "ann"})
        with pytest.raises(CallRefusedError):
            client.score({"buyer": "ann"}, model="none")
        with grpc.insecure_channel(shop.address) as channel:
            stub = ChannelzStub(channel)  # type: ignore[no-untyped-call]  # generated
            (server,) = stub.GetServers(pb.GetServersRequest(), timeout=10).server
            asked = pb.GetServerSocketsRequest(server_id=server.ref.server_id)
            refs = stub.GetServerSockets(asked, timeout=10).socket_ref
            sockets = [stub.GetSocket(pb.GetSocketRequest(socket_id=ref.socket_id), timeout=10).socket for ref in refs]
        client.close()
        wait_until(lambda: len(shop.scorer.inner._front.transport.connections()) == 0, 10, "both connections gone")
        gone = shop.scorer.inner._front.transport.traffic
    assert server.ref.name == shop.address
    assert (server.data.calls_started, server.data.calls_succeeded, server.data.calls_failed) == (3, 1, 1)
    theirs, own = sorted(sockets, key=lambda socket: socket.ref.socket_id)
    assert (theirs.data.streams_succeeded, theirs.data.streams_failed) == (1, 1)
    assert (theirs.data.messages_received, theirs.data.messages_sent) == (2, 1)
    assert own.data.streams_started == 4
    assert own.local.tcpip_address.port == shop.scorer.port
    assert (gone.started, gone.succeeded, gone.failed) == (2 + 4, 1 + 4, 1)
