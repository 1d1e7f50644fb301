"""The model of what many machines cost: what must hold for any numbers, and that its clock counts what is handed on."""

import math
import runpy
from pathlib import Path

import pytest

import chainrule as cr

TOOL = runpy.run_path(str(Path(__file__).parents[1] / "tools" / "many_machines.py"))
step_seconds, efficiency, smallest_batch = (TOOL[n] for n in ("step_seconds", "efficiency", "smallest_batch"))
COSTS = TOOL["Costs"](passes=2e-6, gradients=[1e-8] * 100, update=1e-5, bytes=[10_000] * 100)
FREE = (math.inf, 0.0)


def test_one_machine_takes_the_time_of_its_arithmetic():
    assert step_seconds(COSTS, 100, 1, 1e9, 1e-5) == pytest.approx(100 * 3e-6 + 1e-5)


def test_free_links_cost_only_the_chain():
    """The machines after the first one each add the time of one part."""
    assert step_seconds(COSTS, 100, 5, *FREE) == pytest.approx(100 * 3e-6 + 1e-5 + 4 * 100 * 1e-8)
    assert efficiency(COSTS, 100, 2, *FREE) > 0.99


@pytest.mark.parametrize("machines", [2, 8])
def test_large_batches_pay_and_small_ones_do_not(machines):
    link = (1e9, 50e-6)
    assert efficiency(COSTS, 16, machines, *link) < 1 / machines
    found = [smallest_batch(COSTS, machines, *link, wanted) for wanted in (1 / machines, 0.5, 0.9)]
    assert found == sorted(found) and found[-1] % 16 == 0
    for batch, wanted in zip(found, (1 / machines, 0.5, 0.9), strict=True):
        seconds = step_seconds(COSTS, batch / machines, machines, *link)
        assert COSTS.alone(batch) >= wanted * machines * seconds


def test_the_clock_counts_what_is_handed_on():
    net = cr.Network([784, 300, 10], output="softmax", seed=0)
    costs = TOOL["measured"](net, few=16, many=32)
    assert sum(costs.bytes) == 4 * (784 * 304 + 304 + 300 * 16 + 16)
    assert len(costs.bytes) == len(costs.gradients) > 10
    assert all(seconds >= 0 for seconds in (costs.passes, costs.update, *costs.gradients))
