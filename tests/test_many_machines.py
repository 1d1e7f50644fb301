"""The model of what many machines cost: what must hold for any numbers, and that its clock counts what is handed on."""

import math
import runpy
from pathlib import Path

import pytest

import chainrule as cr

TOOL = runpy.run_path(str(Path(__file__).parents[1] / "tools" / "many_machines.py"))
step_seconds, gain, efficiency = TOOL["step_seconds"], TOOL["gain"], TOOL["efficiency"]
COSTS = TOOL["Costs"](2e-6, [1e-8] * 100, 1e-5, [10_000] * 100, sample_alone=3e-6, step_alone=1e-5)
FREE = (math.inf, 0.0)


def test_one_machine_takes_the_time_of_its_arithmetic():
    assert step_seconds(COSTS, 100, 1, 1e9, 1e-5) == pytest.approx(100 * 3e-6 + 1e-5)


def test_free_links_cost_only_the_chain():
    """The machines after the first one each add the time of one part."""
    assert step_seconds(COSTS, 100, 5, *FREE) == pytest.approx(100 * 3e-6 + 1e-5 + 4 * 100 * 1e-8)
    assert efficiency(COSTS, 100, 2, *FREE) > 0.99


@pytest.mark.parametrize("machines", [2, 8])
def test_large_batches_pay_and_small_ones_do_not(machines):
    of = (machines, 1e9, 50e-6)
    assert gain(COSTS, 16, *of) < 1 < gain(COSTS, 100_000, *of) < machines
    assert efficiency(COSTS, 100_000, *of) > 0.9

    def is_enough(samples):
        return gain(COSTS, samples, *of) > 1

    found = TOOL["smallest_batch"](machines, is_enough)
    assert is_enough(found / machines) and not is_enough(0.9 * found / machines)
    assert TOOL["smallest_batch"](machines, lambda samples: False) is None


def test_the_clock_counts_what_is_handed_on():
    net = cr.Network([784, 300, 10], output="softmax", seed=0)
    costs = TOOL["measured"](net, 2, few=16, many=32)
    assert sum(costs.bytes) == 4 * (784 * 304 + 304 + 300 * 16 + 16)
    assert len(costs.bytes) == len(costs.gradients) > 10
    assert all(seconds >= 0 for seconds in (costs.passes, costs.update, *costs.gradients))
