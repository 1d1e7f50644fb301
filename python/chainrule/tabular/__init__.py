"""Classifiers and regressors for tables as they are: categories, missing values, any labels, any scale of target."""

try:
    import narwhals  # noqa: F401
    import sklearn  # noqa: F401
except ImportError as error:
    raise ImportError('chainrule.tabular needs scikit-learn and narwhals: pip install "chainrule[tabular]"') from error

from .classifier import TabularClassifier
from .loading import load
from .pipelines import register_skl2onnx
from .regressor import TabularRegressor

__all__ = ["TabularClassifier", "TabularRegressor", "load", "register_skl2onnx"]
