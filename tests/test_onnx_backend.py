"""The cases that ONNX has for backends: those that are read agree with what they expect, and the others are refused."""

import pytest
from onnx_cases import cases, outcome

onnx = pytest.importorskip("onnx")

# Of onnx 1.23. Versions before 1.22 have other cases.
READ_NODES, READ_OF_PYTORCH = 312, 69

# Operators without a case that is read, by what they do that no layer does.
NOT_READ = {
    "other functions of numbers": """Abs Acos Acosh Asin Asinh Atan Atanh Ceil Cos Cosh CumProd CumSum Erf Floor
        HardSwish Hardmax Log LogSoftmax Mod Pow Reciprocal Round Shrink Sign Sin Sinh Sqrt SwiGLU Tan
        ThresholdedRelu""",
    "other sums and norms": """GroupNormalization InstanceNormalization LRN LpNormalization LpPool
        MeanVarianceNormalization RMSNormalization ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceProd
        ReduceSumSquare""",
    "means and variances as further results": "LayerNormalization",
    "comparisons, logic and bits": """And BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Equal Greater
        GreaterOrEqual IsInf IsNaN Less LessOrEqual Not Or Where Xor""",
    "other types of numbers, infinities, and numbers that are none": "Cast CastLike",
    "places, sizes and counts": """ArgMax ArgMin ArrayFeatureExtractor Binarizer Compress GatherElements GatherND
        MaxUnpool NonMaxSuppression NonZero OneHot ReverseSequence Scatter ScatterElements ScatterND Shape Size
        TensorScatter TopK Unique""",
    "constants, and random numbers": """Bernoulli BlackmanWindow Constant ConstantOfShape EyeLike HammingWindow
        HannWindow MelWeightMatrix Range""",
    "several inputs that all are samples": "Concat Einsum",
    "padding with zeros in place of what is cut": "CenterCropPad",
    "images between pixels": "AffineGrid Col2Im DeformConv GridSample ImageDecoder Resize RoiAlign",
    "matrices and spectra": "DFT Det STFT",
    "attention, and states of other kinds": """Attention CausalConvWithState FlexAttention LinearAttention
        RotaryEmbedding""",
    "small integers": """ConvInteger DequantizeLinear DynamicQuantizeLinear MatMulInteger QLinearConv QLinearMatMul
        QuantizeLinear""",
    "training": "Adagrad Adam Momentum NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss",
    "text, labels and trees": """LabelEncoder RegexFullMatch StringConcat StringNormalizer StringSplit
        TfIdfVectorizer TreeEnsemble""",
    "branches, loops and lists": """If Loop OptionalGetElement OptionalHasElement Scan SequenceInsert SequenceMap
        SplitToSequence""",
}
# Operators of which some cases are read, with the words in the names of the others, and what these do.
PARTLY_READ = {
    "AveragePool": ("starts_on_pad is_True", "means with padding in them"),
    "BatchNormalization": ("training_mode", "training"),
    "Celu": ("bfloat16", "bfloat16"),
    "Clip": ("min_greater_than_max", "bounds that exclude each other"),
    "ConvTranspose": ("1d 3d shape pad dilations autopad group", "what `Conv2DTranspose` does not have"),
    "Div": ("int", "whole numbers, which are truncated"),
    "Dropout": ("mask training", "training, and the mask as a further result"),
    "Flatten": ("axis0 axis2 axis3 negative_axis4 negative_axis2 negative_axis1", "samples that are divided"),
    "Gelu": ("tanh", "GELU by tanh"),
    "Gemm": ("matrix_bias transposeA all_attributes", "samples in columns, or a bias for each sample"),
    "Identity": ("sequence opt", "lists"),
    "LSTM": ("peepholes reverse bidirectional", "lengths, and the cell as a result"),
    "MatMul": ("3d 4d bcast 1d", "a matrix for each sample"),
    "MaxPool": ("with_argmax", "places as a further result"),
    "ReduceMax": ("empty", "no values"),
    "ReduceMin": ("empty", "no values"),
    "ReduceSum": ("empty", "no values"),
    "Reshape": ("allowzero", "no values"),
    "Slice": ("out_of_bounds", "no values"),
    "Split": ("zero_size", "no values"),
    "Squeeze": ("squeeze", "an axis of one sample"),
    "Trilu": ("zero", "no values"),
}
# Models that PyTorch wrote, by how the names go on.
NOT_OF_PYTORCH = {
    "convolutions over three axes": "Conv3d",
    "products of two values": "GLU",
    "logarithms": "LogSoftmax log_softmax",
    "targets for each sample of one batch": "PoissonNLLLLoss",
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    file = tmp_path_factory.mktemp("cases") / "case.onnx"
    kinds = ("node", "pytorch-converted")
    return {kind: {name: outcome(case, file) for name, case in cases(kind).items()} for kind in kinds}


def test_what_is_read_agrees(outcomes):
    for kind, of_kind in outcomes.items():
        assert [name for name, said in of_kind.items() if said == "disagrees"] == [], kind
    counts = [list(of_kind.values()).count("agrees") for of_kind in outcomes.values()]
    if counts[0]:
        assert counts[0] >= READ_NODES
    if counts[1]:
        assert counts[1] >= READ_OF_PYTORCH


def test_operators_that_are_left_out_are_listed(outcomes):
    left_out = {}
    for name, case in cases("node").items():
        nodes = case.model.graph.node if case.model is not None else []
        if len(nodes) == 1 and outcomes["node"][name] != "agrees":
            left_out.setdefault(nodes[0].op_type, []).append(name)
    listed = {op for ops in NOT_READ.values() for op in ops.split()}
    for op, names in left_out.items():
        words = PARTLY_READ[op][0].split() if op not in listed else [""]
        unexpected = [name for name in names if not any(word in name for word in words)]
        assert unexpected == [], f"{op}: {outcomes['node'][unexpected[0]]}"


def test_models_of_pytorch_that_are_left_out_are_listed(outcomes):
    beginnings = tuple(f"test_{name}" for names in NOT_OF_PYTORCH.values() for name in names.split())
    for name, said in outcomes["pytorch-converted"].items():
        assert said == "agrees" or name.startswith(beginnings), f"{name}: {said}"
