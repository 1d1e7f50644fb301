"""Networks of every kind of layer, by name."""

import chainrule as cr
from chainrule import activations

# The names of all activations, and of those with another α than the usual one.
ACTIVATIONS = (*activations.ACTIVATIONS, "leaky_relu(0.2)", "elu(1.5)")

# Layers after an Input, and the shape of a sample; a Flatten and a softmax of three follow them.
NETWORKS = {
    "activation": ([lambda: cr.Dense(6, "identity"), lambda: cr.Activation("gelu")], (5,)),
    "activation after activation": ([lambda: cr.Dense(6, "tanh"), lambda: cr.Activation("sigmoid")], (5,)),
    "activation first": ([lambda: cr.Activation("tanh")], (5,)),
    "batch norm": ([lambda: cr.Dense(19, "tanh"), lambda: cr.BatchNorm(0.7)], (5,)),
    "batch norm first": ([lambda: cr.BatchNorm(epsilon=1e-3), lambda: cr.Dense(4, "relu")], (5,)),
    "batch norm of channels": ([lambda: cr.BatchNorm(), lambda: cr.LayerNorm(1e-2)], (4, 3)),
    "branches": ([lambda: cr.Concatenate([[], [cr.Dense(20, "tanh"), cr.Dropout(0.2)], [cr.BatchNorm()]])], (5,)),
    "branches of channels": (
        [lambda: cr.Concatenate([[cr.Activation("silu")], [cr.LayerNorm(), cr.Residual([cr.GaussianNoise(0.1)])]])],
        (4, 3),
    ),
    "dropout": ([lambda: cr.Dense(7, "tanh"), lambda: cr.Dropout(0.4)], (5,)),
    "dropout by schedule": ([lambda: cr.Dropout(cr.StepDecay(0.4, 3)), lambda: cr.Dense(7, "tanh")], (5,)),
    "factors": (
        [
            lambda: cr.LSTM(5, return_sequences=True, rate_factor={"weights": 0.1, "bias": 2.0}),
            lambda: cr.Bidirectional(cr.GRU(4, rate_factor=0.5, decay_factor=0.0)),
            lambda: cr.BatchNorm(rate_factor={"gamma": 3.0}, decay_factor=0.5),
        ],
        (6, 3),
    ),
    "dropout of channels": ([lambda: cr.Dropout(0.4, spatial=True)], (4, 3)),
    "layer norm": ([lambda: cr.Dense(21, "softplus"), lambda: cr.LayerNorm()], (5,)),
    "noise": ([lambda: cr.GaussianNoise(0.3), lambda: cr.Dense(7, "silu")], (5,)),
    "residual": (
        [
            lambda: cr.Dense(6, "gelu"),
            lambda: cr.Residual([cr.Dense(17, "relu", l2=0.1), cr.BatchNorm(), cr.Dense(6, "identity")]),
        ],
        (5,),
    ),
    "sum of branches": (
        [
            lambda: cr.Add([[cr.Dense(19, "tanh"), cr.BatchNorm()], [cr.Dense(19, "elu(1.5)", l2=0.1)]]),
            lambda: cr.Add(
                [[], [], [cr.Dropout(0.2), cr.Add([[cr.Activation("silu")], [cr.Dense(19, "leaky_relu(0.2)")]])]]
            ),
        ],
        (5,),
    ),
    "shortcut": (
        [
            lambda: cr.Add(
                [
                    [cr.Conv2D(6, 3, "leaky_relu(0.2)", strides=2, padding="same"), cr.Conv2D(6, 3, padding="same")],
                    [cr.Conv2D(6, 1, strides=2)],
                ]
            ),
            lambda: cr.Activation("relu"),
        ],
        (7, 6, 2),
    ),
    "scale": ([lambda: cr.Scale(1.5), lambda: cr.Dense(19, "tanh"), lambda: cr.Scale()], (5,)),
    "members of shared weights": (
        [
            lambda: cr.Dense(18, "tanh"),
            lambda: cr.Repeat(5),
            lambda: cr.BatchEnsemble(19, "silu", factors="signs", l2=0.01),
            lambda: cr.Dropout(0.2),
            lambda: cr.BatchEnsemble(3, factors="normal"),
        ],
        (7,),
    ),
    "members by themselves": (
        [lambda: cr.Repeat(3), lambda: cr.SeparateDense(18, "gelu"), lambda: cr.SeparateDense(2, "tanh", l1=0.01)],
        (5,),
    ),
    "members first": ([lambda: cr.BatchEnsemble(4, "tanh", factors="signs")], (3, 17)),
    "separate members first": ([lambda: cr.SeparateDense(17, "tanh")], (3, 4)),
    "scale of channels": ([lambda: cr.Conv2D(18, 2, "silu"), lambda: cr.Scale(-0.5)], (4, 3, 2)),
    "mixed activation": (
        [lambda: cr.Dense(19), lambda: cr.MixedActivation("selu", 0.7), lambda: cr.MixedActivation("mish", -0.5)],
        (5,),
    ),
    "mixed activation of channels": ([lambda: cr.Conv2D(18, 2), lambda: cr.MixedActivation("gelu", 1.5)], (4, 3, 2)),
    "mish": ([lambda: cr.Dense(19, "mish"), lambda: cr.Dense(4, "mish")], (5,)),
    "columns": (
        [
            lambda: cr.Columns(
                [
                    cr.OneHot([9, 12]),
                    cr.Numbers(2, [cr.Periodic(3), cr.Dropout(0.1)]),
                    cr.Embedding(10, 18, zero_is_missing=True, l2=0.01),
                    cr.OneHot(9, zero_is_missing=True),
                    cr.Numbers(),
                    cr.Numbers(2, [cr.Embedding(9, 3, rate_factor=2.0)]),
                ]
            ),
            lambda: cr.Dense(7, "tanh"),
        ],
        (9,),
    ),
    "one hot": ([lambda: cr.OneHot([9, 9, 10]), lambda: cr.Dense(7, "tanh")], (3,)),
    "periodic": ([lambda: cr.Periodic(4), lambda: cr.Dense(6, "tanh")], (5,)),
    "periodic in between": (
        [lambda: cr.Dense(17, "tanh"), lambda: cr.Periodic(3, waves=5, deviation=0.5), lambda: cr.Dense(4, "tanh")],
        (5,),
    ),
    "piecewise linear": (
        [
            lambda: cr.PiecewiseLinear(
                [[-1, 0.5, 1, 2.5], [0, 1], [-0.3, -0.2, 0.1, 0.3, 0.7, 0.8], [-1, 0, 1]], units=3
            ),
            lambda: cr.Dense(6, "tanh"),
        ],
        (4,),
    ),
    "piecewise linear in between": (
        [
            lambda: cr.Dense(2, "tanh"),
            lambda: cr.PiecewiseLinear([[-0.5, 0.1, 0.3], [-0.4, -0.1, 0.2, 0.6]], units=18, rate_factor=2.0),
        ],
        (5,),
    ),
    "normalization": (
        [
            lambda: cr.Normalization([0.3, 0.0, -1.0, 2.0, 0.1], [2.0, 1.0, 0.5, 3.0, 0.4]),
            lambda: cr.Dense(4, "tanh"),
        ],
        (5,),
    ),
    "rescaled steps": (
        [lambda: cr.Rescale(0.1, [1.0, -1.0, 0.5]), lambda: cr.GRU(5), lambda: cr.Rescale([3.0] * 5, 2.0)],
        (4, 3),
    ),
    "selected features": ([lambda: cr.Dense(7, "relu"), lambda: cr.Select([5, 0, 0, -1])], (4,)),
    "branches of selected features": (
        [
            lambda: cr.Concatenate(
                [[cr.Select(slice(2)), cr.Dense(4, "tanh")], [cr.Select(slice(2, None)), cr.Reshape(3, 2), cr.GRU(3)]]
            )
        ],
        (8,),
    ),
    "sampling": ([lambda: cr.Dense(10, "tanh"), lambda: cr.Sampling(0.3)], (5,)),
    "sampling in a branch": (
        [lambda: cr.Concatenate([[cr.Dense(36, "softplus"), cr.Sampling(), cr.Sampling(2.0)], [cr.Sampling()]])],
        (6,),
    ),
    "dense without a bias": (
        [lambda: cr.Dense(19, "tanh", use_bias=False), lambda: cr.Dense(4, use_bias=False, max_norm=0.5, l2=0.1)],
        (5,),
    ),
    "dense at each step without a bias": ([lambda: cr.Dense(18, "gelu", use_bias=False, l1=0.01)], (4, 3)),
    "convolutions without a bias": (
        [
            lambda: cr.Conv2D(18, 2, "silu", use_bias=False, l2=0.01),
            lambda: cr.BatchNorm(),
            lambda: cr.Conv2DTranspose(3, 2, use_bias=False),
        ],
        (4, 3, 2),
    ),
    "dense at each step": ([lambda: cr.Dense(6, "gelu"), lambda: cr.Dense(2, "tanh", l2=0.01)], (4, 3)),
    "embedding": ([lambda: cr.Embedding(9, 5, l2=0.01), lambda: cr.SimpleRNN(4)], (6,)),
    "lstm": ([lambda: cr.LSTM(5, l1=0.01, l2=0.01)], (6, 3)),
    "lstm of sequences": ([lambda: cr.LSTM(18, return_sequences=True), lambda: cr.LSTM(17)], (5, 17)),
    "lstm with peepholes": ([lambda: cr.LSTM(5, peepholes=True, return_sequences=True, l2=0.01)], (6, 3)),
    "lstm in both directions": ([lambda: cr.Bidirectional(cr.LSTM(5, return_sequences=True, l2=0.01))], (6, 3)),
    "masking": ([lambda: cr.Masking(), lambda: cr.LSTM(18, return_sequences=True), lambda: cr.LSTM(5)], (6, 3)),
    "masking, both directions": (
        [
            lambda: cr.Masking(),
            lambda: cr.Dense(17, "tanh"),
            lambda: cr.Bidirectional(cr.GRU(5, return_sequences=True)),
            lambda: cr.Bidirectional(cr.LSTM(4, peepholes=True)),
        ],
        (6, 3),
    ),
    "masking in a block": (
        [
            lambda: cr.Masking(),
            lambda: cr.Residual([cr.LayerNorm(), cr.Dropout(0.2), cr.GRU(3, return_sequences=True, reset_after=False)]),
            lambda: cr.SimpleRNN(4, return_sequences=True),
        ],
        (6, 3),
    ),
    "masking before a convolution": (
        [
            lambda: cr.Masking(),
            lambda: cr.Conv1D(5, 3, "tanh", padding="causal", dilation=2),
            lambda: cr.MaxPool1D(2, strides=1, padding="same"),
            lambda: cr.Residual([cr.Conv1D(5, 2, padding="same")]),
            lambda: cr.LSTM(4),
        ],
        (6, 3),
    ),
    "masking of words": ([lambda: cr.Embedding(9, 5, mask_zero=True, l2=0.01), lambda: cr.LSTM(4)], (6,)),
    "stateful": ([lambda: cr.LSTM(18, return_sequences=True, stateful=True), lambda: cr.Dropout(0.1)], (6, 3)),
    "stateful, masking": (
        [
            lambda: cr.Masking(),
            lambda: cr.Residual([cr.GRU(3, return_sequences=True, stateful=True), cr.Dense(3, "tanh")]),
            lambda: cr.SimpleRNN(4, stateful=True),
        ],
        (6, 3),
    ),
    "recurrent dropout": ([lambda: cr.LSTM(18, return_sequences=True, recurrent_dropout=0.3, peepholes=True)], (6, 3)),
    "dropout of inputs": ([lambda: cr.GRU(5, return_sequences=True), lambda: cr.LSTM(4, dropout=0.3)], (6, 17)),
    "dropout of inputs, masking": (
        [
            lambda: cr.Masking(),
            lambda: cr.GRU(18, return_sequences=True, dropout=0.3, reset_after=False),
            lambda: cr.Bidirectional(cr.LSTM(5, return_sequences=True, dropout=0.2, recurrent_dropout=0.5)),
            lambda: cr.Bidirectional(cr.SimpleRNN(4, dropout=0.4)),
        ],
        (6, 3),
    ),
    "dropout of inputs, stateful": (
        [lambda: cr.SimpleRNN(5, return_sequences=True, stateful=True, dropout=0.2), lambda: cr.GRU(3, dropout=0.1)],
        (6, 3),
    ),
    "recurrent dropout, masking": (
        [
            lambda: cr.Masking(),
            lambda: cr.GRU(5, return_sequences=True, recurrent_dropout=0.3, reset_after=False),
            lambda: cr.Bidirectional(cr.GRU(18, recurrent_dropout=0.5)),
        ],
        (6, 3),
    ),
    "recurrent dropout, stateful": (
        [
            lambda: cr.Bidirectional(cr.SimpleRNN(5, return_sequences=True, recurrent_dropout=0.2)),
            lambda: cr.GRU(3, return_sequences=True, stateful=True, recurrent_dropout=0.2),
        ],
        (6, 3),
    ),
    "gru": ([lambda: cr.GRU(18, return_sequences=True), lambda: cr.Dense(3, "tanh"), lambda: cr.GRU(5)], (6, 3)),
    "gru that resets before": ([lambda: cr.GRU(18, return_sequences=True, reset_after=False, l2=0.01)], (6, 3)),
    "gru in both directions": ([lambda: cr.Dense(3, "tanh"), lambda: cr.Bidirectional(cr.GRU(5))], (6, 3)),
    "simple recurrent": ([lambda: cr.SimpleRNN(7, return_sequences=True), lambda: cr.SimpleRNN(4)], (6, 3)),
    "average pool": ([lambda: cr.AvgPool2D((2, 3), strides=(1, 2), padding="same")], (5, 7, 2)),
    "average pool, signal": ([lambda: cr.AvgPool1D(3, strides=2, padding=(1, 1))], (9, 20)),
    "average pool, tiling": (
        [lambda: cr.Conv2D(20, 1, "tanh"), lambda: cr.AvgPool2D(), lambda: cr.MaxPool2D()],
        (4, 4, 2),
    ),
    "convolution": ([lambda: cr.Conv2D(6, 3, "tanh"), lambda: cr.Conv2D(5, (2, 3), "gelu")], (7, 6, 2)),
    "convolution, border": (
        [lambda: cr.Conv2D(3, (3, 2), "sigmoid", padding="same"), lambda: cr.Conv2D(18, 3, padding=((0, 2), (3, 1)))],
        (5, 4, 2),
    ),
    "convolution, depthwise": (
        [lambda: cr.Conv2D(8, 3, "tanh", padding="same", groups=4), lambda: cr.Conv2D(8, 2, groups=8, l2=0.01)],
        (4, 5, 4),
    ),
    "convolution, dilated": ([lambda: cr.Conv2D(4, 1, "tanh"), lambda: cr.Conv2D(3, 3, dilation=(2, 3))], (7, 9, 2)),
    "convolution, groups": (
        [lambda: cr.Conv2D(6, 1), lambda: cr.Conv2D(9, 3, "silu", groups=3, strides=2, padding="same")],
        (6, 5, 3),
    ),
    "convolution, signal": (
        [lambda: cr.Conv1D(5, 4, "tanh", padding="same"), lambda: cr.Conv1D(3, 3, strides=2, padding=(2, 0))],
        (10, 2),
    ),
    "convolution, causal": (
        [lambda: cr.Conv1D(5, 3, "tanh", padding="causal", dilation=2), lambda: cr.Conv1D(3, 2, padding="causal")],
        (7, 2),
    ),
    "convolution, stride": (
        [lambda: cr.Conv2D(4, 3, "elu", strides=2), lambda: cr.Conv2D(3, 2, strides=(1, 3), padding="same")],
        (9, 11, 2),
    ),
    "convolution, transposed": (
        [lambda: cr.Conv2DTranspose(3, 3, "tanh", strides=2), lambda: cr.Conv2DTranspose(2, (2, 1), strides=(1, 2))],
        (3, 4, 2),
    ),
    "convolution, transposed, same": (
        [lambda: cr.Conv2DTranspose(3, 4, "tanh", strides=2, padding="same"), lambda: cr.Conv2DTranspose(2, 2, "relu")],
        (3, 2, 5),
    ),
    "global average": ([lambda: cr.Conv2D(7, 2, "softplus"), lambda: cr.GlobalAvgPool2D()], (4, 4, 2)),
    "global average, signal": ([lambda: cr.Conv1D(17, 2, "tanh"), lambda: cr.GlobalAvgPool1D()], (6, 2)),
    "global maximum": ([lambda: cr.Conv2D(18, 2, "tanh"), lambda: cr.GlobalMaxPool2D()], (4, 4, 2)),
    "global maximum, signal": ([lambda: cr.Conv1D(5, 2, "tanh"), lambda: cr.GlobalMaxPool1D()], (6, 2)),
    "lenet": (
        [
            lambda: cr.Conv2D(6, 5, "relu", padding="same"),
            lambda: cr.MaxPool2D(),
            lambda: cr.Conv2D(16, 5, "relu"),
            lambda: cr.MaxPool2D(),
            lambda: cr.Flatten(),
            lambda: cr.Dense(12, "relu"),
        ],
        (14, 14, 1),
    ),
    "max pool": ([lambda: cr.Conv2D(20, 2, "tanh"), lambda: cr.MaxPool2D(3, strides=2, padding="same")], (7, 6, 2)),
    "max pool, signal": (
        [lambda: cr.Dense(8, "tanh"), lambda: cr.Reshape((4, 2)), lambda: cr.MaxPool1D(3, strides=1)],
        (5,),
    ),
    "pools before a convolution": (
        [
            lambda: cr.MaxPool2D(3, strides=2, padding="same"),
            lambda: cr.AvgPool2D(2, strides=1),
            lambda: cr.Conv2D(3, 2, "tanh"),
            lambda: cr.MaxPool2D(2, strides=1),
        ],
        (9, 8, 3),
    ),
    "reshape": ([lambda: cr.Reshape((5, 2)), lambda: cr.Dropout(0.2, spatial=True), lambda: cr.Reshape((10,))], (10,)),
    "resizing": (
        [lambda: cr.Conv2D(3, 2, "tanh"), lambda: cr.UpSample2D((2, 3)), lambda: cr.ZeroPad2D(((1, 0), (2, 3)))],
        (3, 3, 2),
    ),
}
