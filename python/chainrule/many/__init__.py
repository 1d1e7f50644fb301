"""Many networks at once: trained side by side, cross-validated, and as one ensemble."""

from .cross_validation import CrossValidation, cross_validate
from .ensemble import Ensemble
from .fitting import Fit, fit_many

__all__ = ["CrossValidation", "Ensemble", "Fit", "cross_validate", "fit_many"]
