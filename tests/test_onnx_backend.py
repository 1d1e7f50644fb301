"""Models that ONNX carries for backends: those that are read predict what they say, and the others say why not."""

from pathlib import Path

import numpy as np
import pytest

import chainrule as cr

onnx = pytest.importorskip("onnx")
FOLDER = Path(onnx.__file__).parent / "backend" / "test" / "data" / "pytorch-converted"
CASES = sorted(path.name for path in FOLDER.glob("test_*"))
# What no layer here does, by how the names begin.
REFUSED = (
    *("AvgPool3d", "BatchNorm3d", "Conv3d", "MaxPool3d", "PReLU_3d"),
    *("ConstantPad2d", "ReflectionPad2d", "ReplicationPad2d", "PixelShuffle"),
    *("ConvTranspose2d", "MaxPool1d_stride_padding_dilation", "MaxPool2d_stride_padding_dilation"),
    *("ELU", "GLU", "LogSoftmax", "log_softmax", "Softmin", "Softsign", "PoissonNLLLLoss"),
    *("PReLU_1d_multiparam", "PReLU_2d_multiparam"),
)


@pytest.mark.skipif(not CASES, reason="this version of onnx does not carry them")
@pytest.mark.parametrize("name", CASES or [""])
def test_models_of_others(name):
    folder = FOLDER / name
    if name.removeprefix("test_").startswith(REFUSED):
        with pytest.raises(ValueError, match=r"^(node '|samples must have)"):
            cr.from_onnx(folder / "model.onnx")
        return
    net = cr.from_onnx(folder / "model.onnx")
    X, expected = (
        onnx.numpy_helper.to_array(onnx.load_tensor(folder / "test_data_set_0" / f"{kind}_0.pb"))
        for kind in ("input", "output")
    )
    outputs = [net.predict(x) for x in {id(x): x for x in arranged(X)}.values() if x.shape[1:] == net.shapes[0]]
    assert any(
        other.shape == expected.shape and np.allclose(other, expected, rtol=1e-3, atol=1e-5)
        for output in outputs
        for other in (output, np.moveaxis(output, -1, 1))
    )


def arranged(X):
    """The samples as they are, and with what came second in the end: channels."""
    return [X] if X.ndim == 2 else [np.moveaxis(X, 1, -1), X]
