"""Holds the model of what many machines cost against runs of two ranks whose link is slowed.

    python tools/slowed_links.py

It prints the table of forecasts in docs/many_machines.md. It needs Linux, root, two cores that do nothing else, and the
programs ip, tc and unshare. Each rank is a process with a core and a network of its own. The link between the two is
slowed by the kernel, or by the rank that receives. It is gone once the processes have ended, however they end.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from many_machines import Costs, Link, measured, networks, step_seconds, trained

import chainrule as cr
from chainrule.training.ranks import Ranks


@dataclass
class Slowing:
    """How a link is slowed: to so many bits per second, by the kernel or by the rank that receives.

    The kernel lets `burst` bytes through at once after a pause: with fewer, its timers are too coarse to keep the rate.
    A rank delivers messages late, also by a latency, which not every kernel can do.
    """

    bits: float
    burst: int = 0
    latency: float = 0.0


LINKS = {
    "1 Gb/s": Slowing(1e9, burst=1 << 14),
    "10 Gb/s": Slowing(10e9, burst=1 << 17),
    "1 Gb/s, 50 µs": Slowing(1e9, latency=50e-6),
    "10 Gb/s, 20 µs": Slowing(10e9, latency=20e-6),
}
# Samples of both ranks.
BATCHES, EPOCHS = (64, 256, 1024, 4096), 4
PROGRAMS = ("ip", "tc", "unshare")
# Those of the network that a process is in; bytes that a connection takes before they are on their way.
SETTINGS, BUFFER = Path("/proc/sys/net/ipv4"), 1 << 22
FIRST_ADDRESS, PORT = "10.0.0.1", 5000
# Bytes of a long message, and messages one after the other, of which a gradient has about as many.
LONG, MESSAGES, TIMES = 1 << 16, 16, 50


class Connection:
    """The communicator of two ranks. A broadcast is one message."""

    size = 2

    def __init__(self, rank: int, connected: socket.socket) -> None:
        self.rank = rank
        self._socket = connected
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: memoryview, to: int) -> None:
        self._socket.sendall(data)

    def receive(self, data: memoryview, source: int) -> None:
        # As in MPI, a rank does not sleep while it waits: to be woken takes longer than a message.
        while len(data) > 0:
            try:
                count = self._socket.recv_into(data, 0, socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
            if count == 0:
                raise ConnectionError(f"rank {source} has ended")
            data = data[count:]

    def broadcast(self, data: memoryview, root: int) -> None:
        if self.rank == root:
            self.send(data, 1 - root)
        else:
            self.receive(data, root)


def run(command: str) -> None:
    subprocess.run(command.split(), check=True)


class LateConnection(Connection):
    """Delivers messages when a link would that takes one after the other, while the sender goes on."""

    def __init__(self, rank: int, connected: socket.socket, bits: float, latency: float) -> None:
        super().__init__(rank, connected)
        self._bits, self._latency = bits, latency
        self._taken = 0.0  # when the link has taken all bytes of the messages before

    def send(self, data: memoryview, to: int) -> None:
        super().send(memoryview(struct.pack("d", time.perf_counter())), to)
        super().send(data, to)

    def receive(self, data: memoryview, source: int) -> None:
        sent = memoryview(bytearray(8))
        super().receive(sent, source)
        super().receive(data, source)
        self._taken = max(self._taken, *struct.unpack("d", sent)) + 8 * len(data) / self._bits
        while time.perf_counter() < self._taken + self._latency:
            pass


# --- what a rank does


def connected(rank: int) -> socket.socket:
    """Set up this end of the link, which this process has been given, and return the connection to the other rank."""
    run(f"ip address add 10.0.0.{rank + 1}/24 dev wire")
    run("ip link set wire up")
    # Otherwise a connection begins slowly after each long pass, and the call that sends a part waits for the link.
    SETTINGS.joinpath("tcp_slow_start_after_idle").write_text("0")
    SETTINGS.joinpath("tcp_wmem").write_text(f"4096 {BUFFER} {BUFFER}")
    if rank == 0:
        with socket.create_server((FIRST_ADDRESS, PORT)) as server:
            server.settimeout(20)
            return server.accept()[0]
    for _ in range(1000):
        try:
            return socket.create_connection((FIRST_ADDRESS, PORT))
        except OSError:
            time.sleep(0.01)
    raise ConnectionError("rank 0 is not there")


def slowed(rank: int, connection: socket.socket, slowing: Slowing) -> Connection:
    """Slow this end of the link, and return the communicator over it."""
    if not slowing.burst:
        return LateConnection(rank, connection, slowing.bits, slowing.latency)
    run(f"ip link set wire gso_max_size {min(slowing.burst, LONG)}")
    run(f"tc qdisc add dev wire root tbf rate {slowing.bits:.0f}bit burst {slowing.burst} limit 100mb")
    return Connection(rank, connection)


def typical(ranks: Connection, size: int, messages: int = 1) -> tuple[float, float]:
    """Return the seconds of messages and a short answer, and of the call that sends or receives the first message.

    Both are medians.
    """
    data, answer = memoryview(bytearray(size)), memoryview(bytearray(1))
    there, back = (ranks.send, ranks.receive) if ranks.rank == 0 else (ranks.receive, ranks.send)
    trips, calls = [], []
    for _ in range(TIMES):
        begin = time.perf_counter()
        there(data, 1 - ranks.rank)
        calls.append(time.perf_counter() - begin)
        for _ in range(messages - 1):
            there(data, 1 - ranks.rank)
        back(answer, 1 - ranks.rank)
        trips.append(time.perf_counter() - begin)
    return median(trips), median(calls)


def measured_link(ranks: Connection) -> Link:
    """Return what the link is like, as the first rank finds it."""
    trip, call = typical(ranks, 1)
    _, long_call = typical(ranks, LONG)
    many, _ = typical(ranks, LONG, MESSAGES)
    return Link(8 * LONG * MESSAGES / (many - trip), trip / 2, call, (long_call - call) / LONG)


def run_rank(rank: int, name: str) -> None:
    """Measure a link, and costs and steps of all networks, with the other rank; the first one prints them."""
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[rank]})
    cr.set_num_threads(1)
    print(flush=True)  # This process has a network of its own.
    sys.stdin.readline()
    with connected(rank) as connection:
        ranks = slowed(rank, connection, LINKS[name])
        found = {"link": asdict(measured_link(ranks)), "costs": {}, "seconds": {}}
        for network, net in networks().items():
            found["costs"][network] = asdict(measured(net, 2))
            found["seconds"][network] = [
                trained(net, 2, batch // 2, Ranks(ranks), time.perf_counter, EPOCHS) for batch in BATCHES
            ]
    if rank == 0:
        print(json.dumps(found))


# --- what starts the ranks


def refusal(has: Callable[[str], object] = shutil.which) -> str | None:
    """Return why this machine cannot run two ranks over a slowed link; None if it can."""
    missing = [name for name in PROGRAMS if not has(name)]
    if sys.platform != "linux" or missing:
        return f"this needs Linux with {', '.join(PROGRAMS)}; there is no {missing[0] if missing else 'Linux'}"
    if os.geteuid() != 0:
        return "this needs root, to make networks: try `unshare --map-root-user --net python tools/slowed_links.py`"
    if len(os.sched_getaffinity(0)) < 2:
        return "this needs a core for each of two ranks, but there is one"
    return None


@contextmanager
def rank_processes(link: str) -> Iterator[subprocess.Popen[str]]:
    """Start two ranks that a link connects, and yield the first one; they end with the context."""
    with ExitStack() as stack:
        ranks = []
        for rank in range(2):
            command = ["unshare", "--net", sys.executable, __file__, str(rank), link]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)
            ranks.append(process)
        if not all([rank.stdout.readline() for rank in ranks]):
            raise SystemExit("a rank could not begin")
        first, second = (rank.pid for rank in ranks)
        run(f"ip link add name wire netns {first} type veth peer name wire netns {second}")
        for rank in ranks:
            rank.stdin.write("\n")
            rank.stdin.flush()
        yield ranks[0]


def over_link(link: str) -> dict:
    """Return what two ranks measure over a link."""
    with rank_processes(link) as first:
        line = first.stdout.readline()
    if not line:
        raise SystemExit("a rank has ended before it had a result")
    return json.loads(line)


def described(link: Link) -> str:
    return (
        f"{link.bits / 1e9:.2f} Gb/s and {1e6 * link.latency:.1f} µs a message; the processor takes "
        f"{1e6 * link.per_message:.1f} µs a message and {1e9 * link.per_byte:.2f} ns a byte"
    )


def forecasts(name: str, found: dict) -> list[float]:
    """Return the seconds that the model forecasts for a network's batches, from what two ranks have measured."""
    costs, link = Costs(**found["costs"][name]), Link(**found["link"])
    return [step_seconds(costs, batch / 2, 2, link) for batch in BATCHES]


def rows(name: str, alone: list[float], of_links: dict[str, dict]) -> Iterator[str]:
    """Yield a network's rows: milliseconds of one process, and those of two ranks with the forecast in parentheses."""
    yield f"| {name} | one process | {' | '.join(f'{1000 * each:.2f}' for each in alone)} |"
    for link, found in of_links.items():
        both = zip(found["seconds"][name], forecasts(name, found), strict=True)
        cells = (f"{1000 * seconds:.2f} ({1000 * forecast:.2f})" for seconds, forecast in both)
        yield f"| {name} | two ranks, {link} | {' | '.join(cells)} |"


def main() -> None:
    reason = refusal()
    if reason:
        raise SystemExit(reason)
    cr.set_num_threads(1)
    alone = {
        name: [trained(net, 1, batch, clock=time.perf_counter, epochs=EPOCHS) for batch in BATCHES]
        for name, net in networks().items()
    }
    of_links = {}
    for link in LINKS:
        of_links[link] = over_link(link)
        print(f"{link}: {described(Link(**of_links[link]['link']))}")
    print(
        f"| network | samples of a batch: | {' | '.join(f'{batch:,}' for batch in BATCHES)} |",
        (2 + len(BATCHES)) * "|---" + "|",
        sep="\n",
    )
    for name in alone:
        print(*rows(name, alone[name], of_links), sep="\n")
    ratios = [
        forecast / seconds
        for found in of_links.values()
        for name in alone
        for forecast, seconds in zip(forecasts(name, found), found["seconds"][name], strict=True)
    ]
    print(f"The forecasts are {min(ratios):.2f} to {max(ratios):.2f} times what was measured.")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run_rank(int(sys.argv[1]), sys.argv[2])
    else:
        main()
