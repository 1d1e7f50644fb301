"""The cases that ONNX has for backends, as networks of what they compute of the first operand; others are constant."""

import warnings
from pathlib import Path

import numpy as np

import chainrule as cr

# Operators that know which axis is that of samples.
OF_SAMPLES = ("Gemm", "MatMul", "Conv", "ConvTranspose", "RNN", "GRU", "LSTM", "BatchNormalization", "Flatten")
OF_SAMPLES += ("MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool", "DepthToSpace", "SpaceToDepth")
# What counts axes in others: an attribute with its default, the place of an operand, or sizes of all axes.
AXIS = {"Softmax": -1, "Gather": 0, "Split": 0}
AXES = {"ReduceMax": 1, "ReduceMean": 1, "ReduceMin": 1, "ReduceSum": 1, "Unsqueeze": 1, "Slice": 3, "Pad": 3}
SIZES = {"Reshape": 0, "Expand": 1, "Tile": 1}


def cases(kind):
    """The cases of a kind by name."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        # The loader computes some cases with numbers that overflow.
        warnings.simplefilter("ignore")
        return {case.name: case for case in load_model_tests(kind=kind)}


def contents(case):
    """The model of a case, and its operands and results by name."""
    import onnx

    if case.model is not None:
        model, (inputs, outputs) = case.model, case.data_sets[0]
    else:
        folder = Path(case.model_dir)
        model = onnx.load(folder / "model.onnx")
        inputs, outputs = (
            [
                onnx.load_tensor(folder / "test_data_set_0" / f"{kind}_{number}.pb")
                for number in range(len(list((folder / "test_data_set_0").glob(f"{kind}_*.pb"))))
            ]
            for kind in ("input", "output")
        )
    given = {tensor.name for tensor in model.graph.initializer}
    names = [each.name for each in model.graph.input if each.name not in given]
    operands = {name: as_array(values) for name, values in zip(names, inputs, strict=True)}
    results = {each.name: as_array(values) for each, values in zip(model.graph.output, outputs, strict=True)}
    return model, operands, results


def as_array(values):
    import onnx

    return onnx.numpy_helper.to_array(values) if isinstance(values, onnx.TensorProto) else np.asarray(values)


def as_network(model, operands, path, output):
    """The network of a model whose other operands than the first are constants."""
    import onnx

    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for name, array in list(operands.items())[1:]:
        fixed.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    onnx.save(fixed, path)
    return cr.from_onnx(path, output=output)


def for_one_sample(model, operands):
    """The model and its operands for samples that are what the first operand is, of which there is one."""
    import onnx

    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    (node,), (name, first) = changed.graph.node, next(iter(operands.items()))
    if first.ndim == 0 or node.op_type in OF_SAMPLES:
        raise ValueError(f"{node.op_type} has samples by itself, or needs an axis")
    operands = {**operands, name: first[None]}
    attributes = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    if node.op_type in AXIS:
        attributes["axis"] = int(after_samples(attributes.get("axis", AXIS[node.op_type])))
    if node.op_type == "Transpose":
        attributes["perm"] = [0, *(axis + 1 for axis in attributes.get("perm", range(first.ndim)[::-1]))]
    if node.op_type in SIZES:
        operands[node.input[1]] = np.concatenate([[SIZES[node.op_type]], operands[node.input[1]]])
    if node.op_type in AXES:
        place = AXES[node.op_type]
        node.input.extend([""] * (place + 1 - len(node.input)))
        axes = operands.get(node.input[place], np.zeros(0, np.int64))
        count = operands[node.input[1]].size if node.op_type == "Slice" else first.ndim
        node.input[place] = node.input[place] or "axes"
        operands[node.input[place]] = after_samples(axes) if axes.size else np.arange(1, count + 1)
    del node.attribute[:]
    node.attribute.extend(onnx.helper.make_attribute(key, value) for key, value in attributes.items())
    shape = changed.graph.input[0].type.tensor_type.shape
    del shape.dim[:]
    for size in operands[name].shape:
        shape.dim.add().dim_value = size
    return changed, operands


def after_samples(axes):
    """The numbers of axes where one for samples comes first."""
    return np.where(np.asarray(axes) < 0, axes, np.asarray(axes) + 1)


def agrees(net, X, expected):
    """Whether a network predicts what a case expects; the axes may come in the order of images here."""
    for x in (X, np.moveaxis(X, 1, -1), X.swapaxes(0, 1)):
        if x.shape[1:] == net.shapes[0]:
            output = net.predict(x)
            for other in (output, np.moveaxis(output, -1, 1), np.moveaxis(output, 0, -2)):
                if other.shape == expected.shape and np.allclose(other, expected, rtol=1e-3, atol=1e-5):
                    return True
    return False


def outcome(case, path):
    """Return "agrees" or "disagrees" for a case that is read, and else why it is not."""
    try:
        model, operands, results = contents(case)
    except (ValueError, TypeError) as error:
        return f"has sequences: {error}"
    if not operands or next(iter(operands.values())).size == 0:
        return "has no samples"
    forms = [lambda: (model, operands, results)]
    if len(model.graph.node) == 1:
        whole = {name: values[None] for name, values in results.items()}
        forms.append(lambda: (*for_one_sample(model, operands), whole))
    reasons = []
    for form in forms:
        try:
            read, given, expected = form()
            outputs = [name if len(expected) > 1 else None for name in expected]
            nets = [as_network(read, given, path, output) for output in outputs]
            X = next(iter(given.values()))
            same = [agrees(net, X, values) for net, values in zip(nets, expected.values(), strict=True)]
        except (ValueError, TypeError) as error:
            reasons.append(str(error))
            continue
        if all(same):
            return "agrees"
        reasons.append("disagrees")
    return "disagrees" if "disagrees" in reasons else " / ".join(reasons)
