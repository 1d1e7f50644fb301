"""The public interface of the network."""

import copy
import os
import pickle

import numpy as np
import pytest
import scipy.optimize
import threadpoolctl

import chainrule as cr


@pytest.fixture
def xor():
    return cr.data.xor()


def trained(dtype="float32", **options):
    X, y = cr.data.two_spirals(100)
    net = cr.Network([2, 16, 2], activation="tanh", output="softmax", seed=1, dtype=dtype)
    net.fit(X, y, **{"epochs": 5, "optimizer": cr.Adam(0.01), "verbose": 0, **options})
    return net


def test_one_seed_gives_the_same_bytes_and_another_does_not():
    X, y = cr.data.sine(50)
    runs = []
    for seed in (7, 7, 8):
        net = cr.Network([1, 8, 1], seed=seed)
        net.fit(X, y, epochs=2, verbose=0)
        runs.append(net.parameters.tobytes())
    assert runs[0] == runs[1] != runs[2]


def test_xor_is_learned(xor):
    net = cr.Network([2, 4, 1], activation="tanh", output="sigmoid", seed=0)
    net.fit(*xor, epochs=400, batch_size="full", optimizer=cr.Adam(0.05), verbose=0)
    assert net.predict_classes(xor[0]).tolist() == [0, 1, 1, 0]
    assert net.evaluate(*xor)["accuracy"] == 1.0


def test_penalties_that_are_set_count_from_then_on():
    X, y = cr.data.sine(50)
    runs = []
    for options, later in (({"l1": 0.01, "l2": 0.1}, {}), ({"l2": 0.3}, {"l1": 0.01, "l2": 0.1})):
        net = cr.Network([1, 8, 1], seed=7, **options)
        for layer in net.layers[1:]:
            for name, value in later.items():
                setattr(layer, name, value)
        net.fit(X, y, epochs=2, verbose=0)
        runs.append((net.parameters.tobytes(), net.loss_and_gradient(X, y)[0], repr(net.layers[1])))
    assert runs[0] == runs[1]


def test_penalty_that_cannot_be_is_refused():
    layer = cr.Network([1, 8, 1], l2=0.5).layers[1]
    with pytest.raises(ValueError, match="l2 must be finite and in"):
        layer.l2 = -1.0
    assert layer.l2 == 0.5


def test_equal_weights_stay_equal(xor):
    net = cr.Network([2, 5, 1], activation="tanh", output="sigmoid", weights=0.5)
    net.fit(*xor, epochs=50, verbose=0)
    w = net.layers[1].weights
    assert not np.allclose(w, 0.5)
    assert np.array_equal(w, np.repeat(w[:, :1], 5, axis=1))


def test_default_initial_weights_grow_with_depth():
    spread = {}
    for layers in (1, 5, 6, 20):
        net = cr.Network([100] * (layers + 1), seed=0)
        spread[layers] = net.layers[1].weights.var() * 100
    assert spread[1] == pytest.approx(1 / 3, rel=0.05)
    assert spread[5] == spread[1]
    assert spread[6] == pytest.approx((1 / 3) ** (25 / 36), rel=0.05)
    assert spread[20] == pytest.approx((1 / 3) ** (1 / 16), rel=0.05)


def test_frozen_layer_is_left_alone():
    X, y = cr.data.sine(30)
    net = cr.Network([1, 6, 5, 1], activation="tanh", seed=0)
    net.layers[2].trainable = False
    before = [layer.weights for layer in net.layers[1:]]
    net.fit(X, y, epochs=2, verbose=0)
    changed = [not np.array_equal(b, layer.weights) for b, layer in zip(before, net.layers[1:], strict=True)]
    assert changed == [True, False, True]


def test_all_layers_frozen_changes_nothing():
    X, y = cr.data.sine(30)
    net = cr.Network([1, 6, 1], seed=0)
    for layer in net.layers[1:]:
        layer.trainable = False
    before = net.parameters
    net.fit(X, y, verbose=0)
    assert np.array_equal(net.parameters, before)


def test_layer_parameters_can_be_read_and_set():
    net = cr.Network([3, 20, 2], seed=0)
    w = np.arange(60.0).reshape(3, 20)
    net.layers[1].weights = w
    net.layers[1].bias = np.arange(20)
    assert np.array_equal(net.layers[1].weights, w)
    flat = net.parameters
    assert np.array_equal(flat[:60], w.ravel())
    assert np.array_equal(flat[60:80], np.arange(20))
    with pytest.raises(ValueError, match="read-only"):
        flat[:] = 1
    with pytest.raises(ValueError, match="read-only"):
        net.layers[1].weights[0, 0] = 1
    assert net.layers[1].weights[0, 0] == 0
    net.parameters = np.ones(flat.size)
    assert net.predict(np.ones((1, 3))).tolist() == [[81.0, 81.0]]


def test_backward_gives_the_gradient_of_any_error():
    rng = np.random.default_rng(0)
    X, c = rng.standard_normal((4, 5)), rng.standard_normal((4, 3))
    for output in ("softmax", "gelu", "sigmoid"):
        net = cr.Network([5, 7, 3], activation="tanh", output=output, seed=0, dtype="float64")
        net.forward(X)
        dX = net.backward(c)
        h = 1e-6
        for i, j in [(0, 0), (3, 4)]:
            moved = [X.copy(), X.copy()]
            moved[0][i, j] -= h
            moved[1][i, j] += h
            low, high = ((net.predict(x) * c).sum() for x in moved)
            assert dX[i, j] == pytest.approx((high - low) / (2 * h), rel=1e-6, abs=1e-9)


def test_forward_backward_step_is_train_on_batch():
    X, y = cr.data.sine(16)
    nets = [cr.Network([1, 8, 1], activation="tanh", seed=0, dtype="float64") for _ in range(2)]
    for _ in range(3):
        out = nets[0].forward(X)
        nets[0].backward((out - y) / len(X))
        nets[0].step(cr.Adam(0.01))
        nets[1].train_on_batch(X, y, optimizer=cr.Adam(0.01), loss="mse")
    assert nets[0].parameters == pytest.approx(nets[1].parameters, rel=1e-12)


def test_gradients_are_matrices():
    net = cr.Network([3, 4, 2], seed=0)
    _, flat = net.loss_and_gradient(np.ones((2, 3)), np.ones((2, 2)))
    assert [(w.shape, b.shape) for w, b in net.gradients] == [((3, 4), (4,)), ((4, 2), (2,))]
    assert np.array_equal(np.concatenate([np.concatenate([w.ravel(), b]) for w, b in net.gradients]), flat)


def test_order_of_calls_is_checked():
    net = cr.Network([3, 2], seed=0)
    with pytest.raises(RuntimeError, match="forward before"):
        net.backward(np.ones((1, 2)))
    with pytest.raises(RuntimeError, match="gradients"):
        net.step()
    with pytest.raises(RuntimeError, match="no gradients"):
        _ = net.gradients
    net.forward(np.ones((1, 3)))
    net.parameters = net.parameters
    with pytest.raises(RuntimeError, match="forward before"):
        net.backward(np.ones((1, 2)))


def test_lbfgs_of_scipy_trains():
    X, y = cr.data.sine(40)
    net = cr.Network([1, 10, 1], activation="tanh", seed=0, dtype="float64")

    def objective(parameters):
        net.parameters = parameters
        return net.loss_and_gradient(X, y)

    result = scipy.optimize.minimize(objective, net.parameters, jac=True, method="L-BFGS-B", options={"maxiter": 1000})
    assert result.fun < 1e-3


def test_partial_fit_makes_one_pass_and_goes_on():
    X, y = cr.data.sine(40)
    nets = [cr.Network([1, 8, 1], seed=0) for _ in range(2)]
    for _ in range(3):
        assert nets[0].partial_fit(X, y) is nets[0]
    nets[1].fit(X, y, epochs=3, verbose=0)
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()


def test_another_optimizer_begins_anew_and_the_same_goes_on():
    net = trained()
    assert net.core.optimizer_steps == 20
    X, y = cr.data.two_spirals(100)
    net.fit(X, y, epochs=1, verbose=0)
    assert net.core.optimizer_steps == 24
    net.fit(X, y, epochs=1, optimizer=cr.Adam(0.02), verbose=0)
    assert net.core.optimizer_steps == 4


@pytest.mark.parametrize("clone", [cr.Network.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copy_goes_on_to_the_same_bytes(clone):
    net = trained(optimizer=cr.Adam(cr.CosineDecay(0.01, 30)))
    other = clone(net)
    X, y = cr.data.two_spirals(100)
    for n in (net, other):
        n.fit(X, y, epochs=2, verbose=0)
    assert net.parameters.tobytes() == other.parameters.tobytes()
    assert dict(net.history) == dict(other.history)


def test_sample_weights_are_repetitions():
    X, y = cr.data.sine(10)
    counts = np.array([1, 2, 0, 3, 1, 1, 0, 2, 1, 1])
    nets = [cr.Network([1, 5, 1], activation="tanh", seed=0, dtype="float64") for _ in range(2)]
    nets[0].fit(X, y, sample_weight=counts, epochs=3, batch_size="full", optimizer=cr.SGD(0.1), verbose=0)
    X, y = np.repeat(X, counts, axis=0), np.repeat(y, counts, axis=0)
    nets[1].fit(X, y, epochs=3, batch_size="full", optimizer=cr.SGD(0.1), verbose=0)
    assert nets[0].parameters == pytest.approx(nets[1].parameters, rel=1e-10)
    assert nets[0].history["loss"] == pytest.approx(nets[1].history["loss"], rel=1e-10)


def test_class_weights_are_sample_weights():
    X = np.random.default_rng(0).standard_normal((30, 2))
    y = np.r_[np.zeros(20, int), np.ones(10, int)]
    results = []
    for options in (
        {"class_weight": {0: 0.75, 1: 1.5}},
        {"class_weight": "balanced"},
        {"sample_weight": np.where(y == 0, 0.75, 1.5)},
    ):
        net = cr.Network([2, 4, 2], output="softmax", seed=0)
        net.fit(X, y, epochs=2, verbose=0, **options)
        results.append(net.parameters.tobytes())
    assert len(set(results)) == 1


@pytest.mark.filterwarnings("ignore:y holds one class a sample")
def test_labels_are_rows_with_a_one():
    X = np.random.default_rng(0).standard_normal((30, 2))
    y = np.arange(30) % 3
    for output, loss in (("softmax", "cross_entropy"), ("sigmoid", "cross_entropy"), ("sigmoid", "mse")):
        nets = [cr.Network([2, 4, 3], output=output, seed=0) for _ in range(2)]
        nets[0].fit(X, y, loss=loss, verbose=0)
        nets[1].fit(X, np.eye(3)[y], loss=loss, verbose=0)
        assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()
        assert "accuracy" in nets[0].history


def test_last_short_batch_is_used():
    X, y = cr.data.sine(10)
    net = cr.Network([1, 3, 1], seed=0)
    net.fit(X, y, epochs=1, batch_size=4, verbose=0)
    assert net.core.optimizer_steps == 3


def test_max_norm_holds():
    X, y = cr.data.sine(50)
    net = cr.Network([1, 8, 8, 1], max_norm=0.3, seed=0)
    net.fit(X, y, optimizer=cr.SGD(0.1), verbose=0)
    for layer in net.layers[1:]:
        assert np.linalg.norm(layer.weights, axis=0).max() <= 0.3 * (1 + 1e-6)


def test_memory_mapped_input_is_read_in_place(tmp_path):
    X = np.random.default_rng(0).standard_normal((40, 3)).astype(np.float32)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    nets = [cr.Network([3, 4, 1], seed=0) for _ in range(2)]
    nets[0].fit(X, X[:, 0], verbose=0)
    nets[1].fit(mapped, X[:, 0], verbose=0)
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()


def test_divergence_is_named_and_undone():
    X, y = cr.data.sine(50)
    net = cr.Network([1, 8, 1], seed=0)
    net.fit(X, y, epochs=1, optimizer=cr.SGD(0.01, momentum=0.9), verbose=0)
    before = net.parameters
    with pytest.raises(cr.DivergedError, match=r"epoch 1, step \d, with learning rate 1e\+15") as caught:
        net.fit(X, y, epochs=3, batch_size=10, optimizer=cr.SGD(1e15, momentum=0.9), verbose=0)
    assert (caught.value.epoch, caught.value.learning_rate) == (1, 1e15)
    assert np.array_equal(net.parameters, before)
    assert np.isfinite(net.predict(X)).all()
    assert pickle.loads(pickle.dumps(caught.value)).step == caught.value.step


def test_history_summary_and_repr(capsys):
    net = trained(validation_data=cr.data.two_spirals(20))
    assert list(net.history) == ["loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"]
    assert net.history.epochs == 5
    assert repr(net) == "Network([2, 16, 2], 82 parameters, float32, seed=1)"
    assert "Dense  (16,)   tanh        48          yes" in net.summary()
    assert capsys.readouterr().out.endswith("82 parameters, float32\n")
    assert net.history.to_frame().shape == (5, 5)
    assert len(net.history.plot().axes) == 2


def test_progress_and_validation_change_no_byte():
    X, y = cr.data.two_spirals(100)
    plain = trained()
    watched = trained(validation_data=(X, y), verbose=2, callbacks=[lambda *a: None])
    assert plain.parameters.tobytes() == watched.parameters.tobytes()


def test_threadpoolctl_limit_is_obeyed():
    if cr.info()["openmp"] == "none":
        pytest.skip("built without OpenMP")
    cr.set_num_threads(4)
    try:
        assert cr.get_num_threads() == 4
        if os.cpu_count() > 1:
            with threadpoolctl.threadpool_limits(1):
                assert cr.get_num_threads() == 1
        assert cr.get_num_threads() == 4
    finally:
        cr.set_num_threads(None)


def test_a_step_that_leaves_infinite_weights_is_taken_back():
    net = cr.Network([3, 2, 1], seed=0)
    net.forward(np.ones((2, 3)), training=True)
    net.backward(np.full((2, 1), 1e30))
    before = net.parameters
    with pytest.raises(OverflowError, match="the step left weights that are not finite"):
        net.step(cr.SGD(1e30))
    assert net.parameters.tobytes() == before.tobytes() == net.copy().parameters.tobytes()
    net.step(cr.SGD(1e-30))
    assert net.parameters.tobytes() != before.tobytes()
