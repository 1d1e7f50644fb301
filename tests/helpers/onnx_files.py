"""Samples, networks and files for the tests of ONNX."""

import numpy as np

import chainrule as cr


def samples(net, count=7, seed=0):
    """Samples that the network can read; the last steps of sequences, the first or ones in between may be zero."""
    rng = np.random.default_rng(seed)
    shape, codes = net.shapes[0], net.border.vocabulary
    if isinstance(codes, int):
        X = rng.integers(0, codes, (count, *shape))
    else:
        X = rng.standard_normal((count, *shape))
        for column, number in enumerate(codes or ()):
            X[:, column] = rng.integers(0, number, count) if number else X[:, column]
    if len(shape) == 2 or isinstance(codes, int):
        X[1, 2:] = 0
        X[2, :1] = 0
        X[3, 1:3] = 0
        X[4] = 0
    return X


def shaken(net, seed=1):
    """The network with other parameters and statistics than the initial ones."""
    rng = np.random.default_rng(seed)
    net.parameters = net.parameters + 0.2 * rng.standard_normal(net.parameter_count)
    for leaf in net.leaves:
        if isinstance(leaf, cr.BatchNorm):
            leaf.running_mean = rng.standard_normal(leaf.running_mean.shape)
            leaf.running_variance = rng.uniform(0.5, 2, leaf.running_variance.shape)
    return net


def made(nodes, shape):
    """A file that reads x and makes y, of (operator, operands, results, attributes); arrays are constants."""
    from onnx import helper, numpy_helper

    constants, protos = [], []
    for op, inputs, outputs, attributes in nodes:
        names = []
        for given in inputs:
            if not isinstance(given, str):
                constants.append(numpy_helper.from_array(np.asarray(given), f"constant_{len(constants)}"))
            names.append(given if isinstance(given, str) else constants[-1].name)
        protos.append(helper.make_node(op, names, outputs, f"{op}_{outputs[-1]}", **attributes))
    x = helper.make_tensor_value_info("x", 1, ["N", *shape])
    y = helper.make_tensor_value_info("y", 1, None)
    graph = helper.make_graph(protos, "made", [x], [y], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def assert_runs_the_same(model, folder, channels_first=False):
    """onnxruntime and the network of the file must agree; places come first here, and last in the file."""
    import onnx
    import onnxruntime

    onnx.save(model, folder / "made.onnx")
    session = onnxruntime.InferenceSession(str(folder / "made.onnx"), providers=["CPUExecutionProvider"])
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim][1:]
    X = np.random.default_rng(3).standard_normal((5, *shape)).astype(np.float32)
    (expected,) = session.run(None, {"x": X})
    net = cr.from_onnx(folder / "made.onnx")
    outputs = net.predict(np.moveaxis(X, 1, -1) if channels_first else X)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)
    return net
