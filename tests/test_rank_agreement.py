"""What ranks must agree on, before any of them trains: what differs is refused by name on all."""

import re

import numpy as np
import pytest
from ranked_fits import LABELS, X, fitted, network
from ranks import on_ranks

import chainrule as cr


@pytest.mark.parametrize(
    ("differs", "name"),
    [
        ({"make": lambda: network(seed=1)}, "seed"),
        ({"make": lambda: network(weights=0.0)}, "parameters"),
        ({"batch_size": 51}, "batch_size"),
        ({"optimizer": cr.SGD(0.1)}, "optimizer"),
        ({"X": X + 1}, "X, y and weights"),
        ({"epochs": 7}, "epochs"),
        ({"y": np.array(list("abcde"))[LABELS]}, "the labels"),
        ({"checkpoint": "run.safetensors"}, "checkpoint"),
        ({"checkpoint_every": "2 steps"}, "checkpoint_every"),
        ({"make": lambda: network(dtype="float64")}, "dtype"),
        ({"make": lambda: network(precision="mixed")}, "precision"),
        ({"make": lambda: network(activation="tanh")}, r"activation of layers\[1\]"),
        ({"make": lambda: network(l2=0.1)}, r"l2 of layers\[1\]"),
        ({"make": lambda: cr.Network([20, 33, 9, 5], seed=0)}, "the number of layers"),
    ],
)
def test_what_differs_between_ranks_is_refused_by_name(differs, name):
    errors = on_ranks(2, lambda ranks: fitted(communicator=ranks, **(differs if ranks.rank == 1 else {})))
    for error in errors:
        assert isinstance(error, ValueError)
        assert re.match(rf"{name} must be the same on all ranks, got .* on rank 1 and .* on rank 0", str(error))


@pytest.mark.parametrize("setting", [{"trainable": False}, {"rate_factor": 0.5}, {"decay_factor": 0.5}])
def test_layers_that_are_trained_otherwise_on_a_rank_are_refused_by_name(setting):
    """They would hand on another gradient, or none."""
    ((name, value),) = setting.items()

    def fit(ranks):
        net = network()
        if ranks.rank == 1:
            setattr(net.layers[2], name, value)
        return fitted(lambda: net, communicator=ranks)

    for error in on_ranks(2, fit):
        assert isinstance(error, ValueError)
        assert str(error).startswith(f"{name} of layers[2] must be the same on all ranks, got {value} on rank 1")


def test_all_ranks_resume_or_none(tmp_path):
    """The one that does not would make other epochs than the others."""
    fitted(epochs=1, checkpoint=tmp_path / "run.safetensors")

    def fit(ranks):
        net = cr.load(tmp_path / "run.safetensors")
        return fitted(lambda: net, communicator=ranks, resume=ranks.rank == 0)

    for error in on_ranks(2, fit):
        assert isinstance(error, ValueError) and str(error).startswith("resume must be the same on all ranks")
