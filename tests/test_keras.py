"""Models of Keras become networks that predict the same, and networks models of Keras."""

import numpy as np
import pytest

import chainrule as cr

keras = pytest.importorskip("keras")
# Of the backends themselves.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
L = keras.layers
MODELS = {
    "dense": (lambda: [L.Dense(8, "relu"), L.BatchNormalization(), L.Dropout(0.2), L.Dense(3, "softmax")], (4,)),
    "dense at each step": (lambda: [L.Dense(5, use_bias=False), L.LayerNormalization(), L.Activation("gelu")], (6, 3)),
    "lenet": (
        lambda: [L.Conv2D(4, 3, activation="relu"), L.MaxPooling2D(), L.Flatten(), L.Dense(5, "selu")],
        (8, 10, 2),
    ),
    "padding same": (lambda: [L.Conv2D(4, (3, 4), strides=2, padding="same", activation="silu")], (8, 7, 2)),
    "dilated": (lambda: [L.Conv2D(4, 3, dilation_rate=2), L.ZeroPadding2D(((1, 0), (2, 3)))], (9, 8, 2)),
    "copies": (lambda: [L.UpSampling2D((2, 1))], (3, 4, 2)),
    "groups": (lambda: [L.Conv2D(8, 3, groups=2, use_bias=False), L.BatchNormalization(scale=False)], (6, 6, 4)),
    "signals": (lambda: [L.Conv1D(6, 3, padding="causal"), L.MaxPooling1D(2), L.GlobalAveragePooling1D()], (9, 3)),
    "means": (lambda: [L.AveragePooling2D(2), L.GlobalMaxPooling2D()], (6, 6, 3)),
    "transposed": (lambda: [L.Conv2DTranspose(5, 4, strides=2, padding="same", activation="tanh")], (3, 4, 3)),
    "transposed, valid": (lambda: [L.Conv2DTranspose(5, 3, strides=2)], (3, 4, 3)),
    "slopes": (lambda: [L.Dense(5), L.LeakyReLU(), L.PReLU(), L.ReLU(), L.ELU(2.0), L.Softmax()], (4,)),
    "shapes": (lambda: [L.Rescaling(0.5, 1.0), L.Reshape((-1, 2)), L.SpatialDropout1D(0.1), L.Flatten()], (8,)),
    "activations": (
        lambda: [L.Dense(5, name) for name in ("softplus", "leaky_relu", "mish", "hard_sigmoid", "exponential")],
        (4,),
    ),
    "lstm": (lambda: [L.LSTM(5, return_sequences=True, dropout=0.1), L.LSTM(4), L.Dense(2)], (6, 3)),
    "lstm, both ways": (lambda: [L.Bidirectional(L.LSTM(5, return_sequences=True)), L.Bidirectional(L.GRU(4))], (6, 3)),
    "gru": (lambda: [L.GRU(5, return_sequences=True), L.GRU(4, reset_after=False), L.Dense(2)], (6, 3)),
    "plain": (lambda: [L.SimpleRNN(5, "relu", use_bias=False)], (6, 3)),
    "masked": (lambda: [L.Masking(), L.GRU(5, return_sequences=True), L.LSTM(4)], (6, 3)),
}  # fmt: skip


def filled(layers, shape, seed=0):
    model = keras.Sequential([keras.Input(shape), *layers])
    rng = np.random.default_rng(seed)
    model.set_weights(
        [w + rng.normal(0, 0.3, w.shape) if "variance" not in v.path else rng.uniform(0.5, 2, w.shape)
         for v, w in zip(model.weights, model.get_weights(), strict=True)]
    )  # fmt: skip
    return model


@pytest.mark.parametrize("name", MODELS)
def test_models_predict_the_same(name):
    make, shape = MODELS[name]
    model = filled(make(), shape)
    X = np.random.default_rng(0).standard_normal((5, *shape)).astype(np.float32)
    if name == "masked":
        X[1, 3:] = 0
    net = cr.from_keras(model)
    np.testing.assert_allclose(net.predict(X), np.asarray(model.predict(X, verbose=0)), rtol=1e-4, atol=1e-5)


def test_tokens_and_settings():
    model = filled([L.Embedding(20, 4, mask_zero=True), L.LSTM(3), L.Dense(2)], (7,))
    X = np.random.default_rng(0).integers(0, 20, (5, 7))
    X[2, 4:] = 0
    np.testing.assert_allclose(cr.from_keras(model).predict(X), model.predict(X, verbose=0), atol=1e-5)
    net = cr.from_keras(filled([L.BatchNormalization(), L.GaussianNoise(0.3)], (4,)))
    assert (net.layers[1].momentum, net.layers[1].epsilon) == (0.99, 1e-3)
    assert net.layers[2].deviation == 0.3


@pytest.mark.parametrize(
    ("layers", "shape", "message"),
    [
        ([L.Dense(3), L.EinsumDense("ab,bc->ac", 2)], (4,), "EinsumDense, has no layer here"),
        ([L.Bidirectional(L.LSTM(3), merge_mode="sum")], (6, 3), "merge_mode='sum'"),
        ([L.LSTM(3, go_backwards=True)], (6, 3), "go_backwards=True"),
        ([L.LSTM(3, recurrent_activation="hard_sigmoid")], (6, 3), "recurrent_activation='hard_sigmoid'"),
        ([L.Dense(3, "relu6")], (4,), "activation='relu6'"),
        ([L.LeakyReLU(1e7)], (4,), "negative_slope=10000000.0"),
        ([L.AveragePooling1D(2, padding="same")], (5, 3), "padding='same', which backends treat differently"),
        ([L.Masking(), L.Conv1D(3, 2), L.GRU(2)], (5, 3), "reads padding, as one before it drops the mask"),
        ([L.ReLU(max_value=6.0)], (4,), "max_value=6.0"),
        ([L.UpSampling2D(interpolation="bilinear")], (4, 4, 1), "interpolation='bilinear'"),
    ],
)
def test_what_no_layer_does_is_named(layers, shape, message):
    with pytest.raises(ValueError, match=message):
        cr.from_keras(keras.Sequential([keras.Input(shape), *layers]))


def test_frozen_layers_stay_so():
    model = filled([L.Dense(3), L.Bidirectional(L.GRU(2)), L.Dense(2)], (6, 4))
    model.layers[0].trainable = model.layers[1].trainable = False
    net = cr.from_keras(model)
    assert [layer.trainable for layer in net.layers[1:]] == [False, False, True]
    assert [layer.trainable for layer in net.to_keras().layers[-3:]] == [False, False, True]


def test_models_without_a_shape_are_refused():
    with pytest.raises(ValueError, match=r"begin it with a keras\.Input"):
        cr.from_keras(keras.Sequential([L.Dense(3)]))
    with pytest.raises(TypeError, match=r"model must be a keras\.Model, got 3"):
        cr.from_keras(3)


def test_branches_are_refused():
    x = keras.Input((4,))
    one, two = L.Dense(3)(x), L.Dense(3)(x)
    with pytest.raises(ValueError, match=r"has no layer here|must be in a row"):
        cr.from_keras(keras.Model(x, L.Add()([one, two])))
    with pytest.raises(ValueError, match="one input and one output, got 1 and 2"):
        cr.from_keras(keras.Model(x, [one, two]))


def doubled(kind, name):
    """A class of the user's that computes twice what one of Keras does."""
    return type(name, (kind,), {"call": lambda self, x, **options: 2 * kind.call(self, x, **options)})


def test_a_call_of_its_own_is_refused():
    with pytest.raises(ValueError, match=r"layer '.*', Dense, has no layer here"):
        cr.from_keras(keras.Sequential([keras.Input((4,)), doubled(L.Dense, "Dense")(3)]))
    with pytest.raises(ValueError, match="model, Twice, has a call of its own"):
        cr.from_keras(doubled(keras.Sequential, "Twice")([keras.Input((4,)), L.Dense(3)]))
    own = type("Own", (keras.Sequential,), {})([keras.Input((4,)), L.Dense(3)])
    assert cr.from_keras(own).layers[1].units == 3


def test_a_model_of_float64_stays_one():
    model = keras.Sequential([keras.Input((4,), dtype="float64"), L.Dense(3, "tanh", dtype="float64")])
    net = cr.from_keras(model)
    assert net.dtype == "float64"
    assert np.array_equal(net.layers[1].weights, model.get_weights()[0])
