"""Classifiers and regressors for tables as they are: categories, missing values, any labels, any scale of target."""

from .estimators import TabularClassifier, TabularRegressor
from .loading import load

__all__ = ["TabularClassifier", "TabularRegressor", "load"]
