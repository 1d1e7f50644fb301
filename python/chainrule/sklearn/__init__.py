"""Drop-in replacements for scikit-learn's MLPClassifier and MLPRegressor: see docs/sklearn.md."""

from .estimators import MLPClassifier, MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
