"""The model of what many machines cost, its clock, and what it takes to hold it against runs over slowed links."""

import math
import os
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import many_machines
import numpy as np
import pytest
import slowed_links
from many_machines import Link, efficiency, gain, smallest_batch, step_seconds
from ranked_fits import fitted

import chainrule as cr

COSTS = many_machines.Costs((10, 100), [3e-5, 2.1e-4], 100 * [[1e-7, 1e-6]], 100 * [10_000], alone=[4e-5, 3.1e-4])
FREE = Link(math.inf, 0.0, 0.0, 0.0)
SLOW = Link(1e9, 50e-6, 2e-6, 1e-10)


def test_costs_are_straight_lines_between_what_was_measured_and_after():
    for samples, seconds in ((10, 4e-5), (100, 3.1e-4), (40, 1.3e-4), (200, 6.1e-4)):
        assert step_seconds(COSTS, samples, 1, SLOW) == pytest.approx(seconds)


def test_free_links_cost_only_the_chain():
    """The machines after the first one each add the time of one part."""
    assert step_seconds(COSTS, 100, 5, FREE) == pytest.approx(2.1e-4 + 100 * 1e-6 + 4 * 1e-6)
    assert efficiency(COSTS, 100, 2, FREE) > 0.99


def assembly_line(computed, handled, sent, parts, machines, latency):
    """Return when the last machine has the last of some equal parts, each of which is followed through the chain."""
    arrived = np.zeros(parts)
    for machine in range(machines):
        ready = on_link = 0.0
        for part in range(parts):
            ready = max(ready, arrived[part]) + computed
            on_link = max(on_link, ready) + sent
            ready += handled
            arrived[part] = ready if machine + 1 == machines else max(on_link, ready) + latency
    return arrived[-1]


@pytest.mark.parametrize("machines", [2, 3, 8])
@pytest.mark.parametrize("bits", [1e9, 10e9, 1e12])
@pytest.mark.parametrize("samples", [10, 1000])
def test_the_chain_takes_as_long_as_an_assembly_line(machines, bits, samples):
    """The formula is larger by less than what a part is longer on its way than in a machine."""
    link = Link(bits, 50e-6, 2e-6, 1e-10)
    sent, work = 8e4 / bits, min(machines - 1, 2) * 3e-6
    of_broadcast = 2e6 * max(8 / bits, 1e-10) * (machines - 1) / machines + 1e-4 * math.log2(machines)
    chain = step_seconds(COSTS, samples, machines, link) - COSTS.at(samples, COSTS.rest) - of_broadcast
    expected = assembly_line(samples * 1e-8, work, sent, 100, machines, 50e-6)
    assert chain == pytest.approx(expected + max(sent - samples * 1e-8 - work, 0))


@pytest.mark.parametrize("machines", [2, 8])
def test_large_batches_pay_and_small_ones_do_not(machines):
    assert gain(COSTS, 16, machines, SLOW) < 1 < gain(COSTS, 100_000, machines, SLOW) < machines
    assert efficiency(COSTS, 100_000, machines, SLOW) > 0.9

    def is_enough(samples):
        return gain(COSTS, samples, machines, SLOW) > 1

    found = smallest_batch(machines, is_enough)
    assert is_enough(found / machines) and not is_enough(0.9 * found / machines)
    assert smallest_batch(machines, lambda samples: False) is None


def test_the_clock_counts_what_is_handed_on():
    net = cr.Network([784, 300, 10], output="softmax", seed=0)
    costs = many_machines.measured(net, 2, (16, 32))
    assert sum(costs.bytes) == 4 * (784 * 304 + 304 + 300 * 16 + 16)
    assert len(costs.bytes) == len(costs.parts) > 10
    assert all(seconds > 0 for both in (costs.rest, costs.alone, *costs.parts) for seconds in both)


# --- runs over slowed links


@pytest.fixture
def connections():
    with socket.create_server(("127.0.0.1", 0)) as server:
        second = socket.create_connection(server.getsockname())
        first, _ = server.accept()
    with first, second:
        for end in (first, second):
            end.settimeout(20)
        yield [slowed_links.Connection(0, first), slowed_links.Connection(1, second)]


def test_ranks_with_a_connection_have_the_bytes_of_one_process(connections):
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(lambda ranks: fitted(communicator=ranks), connections)) == 2 * [fitted()]


def test_a_long_message_arrives_in_pieces_and_whole(connections):
    data, received = np.random.default_rng(0).bytes(1 << 23), bytearray(1 << 23)
    with ThreadPoolExecutor(2) as threads:
        threads.submit(connections[1].broadcast, memoryview(data), 1)
        threads.submit(connections[0].broadcast, memoryview(received), 1)
    assert received == data


def test_a_rank_that_has_ended_is_an_error_for_the_other(connections):
    first, second = connections
    second._socket.close()
    with pytest.raises(ConnectionError, match="rank 1 has ended"):
        first.receive(memoryview(bytearray(1)), 1)


def test_messages_of_both_ranks_meet(connections):
    with ThreadPoolExecutor(2) as threads:
        for trip, call in threads.map(lambda ranks: slowed_links.typical(ranks, 100, 3), connections):
            assert 0 < call < trip


def test_a_link_is_described_by_messages_over_it(monkeypatch):
    """Short messages take 10 µs there and back, long ones 6 µs more of the processor, and sixteen of them 1 ms more."""

    def typical(ranks, size, messages=1):
        return (1.01e-3 if messages > 1 else 1e-5), (2e-6 if size == 1 else 8e-6)

    monkeypatch.setattr(slowed_links, "typical", typical)
    link = slowed_links.measured_link(None)
    assert asdict(link) == pytest.approx(asdict(Link(8 * 2**20 / 1e-3, 5e-6, 2e-6, 6e-6 / 2**16)))


def test_late_messages_arrive_when_a_link_would_have_taken_them(connections):
    """Two messages of 1 kB that are sent at once have 1 ms each on the link, and 2 ms of latency after."""
    first, second = (slowed_links.LateConnection(each.rank, each._socket, 8e6, 2e-3) for each in connections)
    begin = time.perf_counter()
    for _ in range(2):
        first.send(memoryview(bytes(1000)), 1)
    for message in range(2):
        second.receive(memoryview(bytearray(1000)), 0)
        assert time.perf_counter() >= begin + 3e-3 + message * 1e-3


def test_rows_have_the_forecast_next_to_the_measurement(monkeypatch):
    monkeypatch.setattr(slowed_links, "BATCHES", (20, 200))
    found = {"link": asdict(FREE), "costs": {"net": asdict(COSTS)}, "seconds": {"net": [0.001, 0.0345]}}
    of_process, of_ranks = slowed_links.rows("net", [0.0015, 0.002], {"10 Gb/s": found})
    assert of_process == "| net | one process | 1.50 | 2.00 |"
    # A hundred parts, of which one is computed twice in a row, and the rest.
    assert of_ranks == f"| net | two ranks, 10 Gb/s | 1.00 ({0.1 * 0.101 + 0.03:.2f}) | 34.50 ({0.101 + 0.21:.2f}) |"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems are refused")
def test_machines_without_slowed_links_are_refused(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})
    assert slowed_links.refusal(lambda name: name) is None
    assert "no tc" in slowed_links.refusal(lambda name: name != "tc")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0})
    assert "a core for each" in slowed_links.refusal(lambda name: name)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "root" in slowed_links.refusal(lambda name: name)
