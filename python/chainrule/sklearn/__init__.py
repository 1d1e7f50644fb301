"""Drop-in replacements for scikit-learn's MLPClassifier and MLPRegressor, and ensembles: see docs/sklearn.md."""

try:
    from .classifier import MLPClassifier
    from .ensemble import EnsembleClassifier, EnsembleRegressor
    from .pipelines import register_skl2onnx
    from .regressor import MLPRegressor
except ImportError as error:
    raise ImportError('chainrule.sklearn needs scikit-learn 1.6 or newer: pip install "chainrule[sklearn]"') from error

__all__ = ["EnsembleClassifier", "EnsembleRegressor", "MLPClassifier", "MLPRegressor", "register_skl2onnx"]
