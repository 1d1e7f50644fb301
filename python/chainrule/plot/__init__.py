"""Pictures of networks and of what they learned (needs the extra `plot`).

Each function returns matplotlib's figure: a notebook shows it, ``savefig`` writes it. Each but the overview draws into
axes that are given instead, such as those of ``matplotlib.pyplot.subplots``. The colours are those of Okabe and Ito,
which the colour-blind can tell.
"""

from .curves import confusion_matrix, count_confusions, learning_curves
from .networks import architecture, decision_boundary, training_overview, weights
from .style import BLUE, CLASS_COLORS, GREEN, ORANGE, PURPLE, SKY, VERMILION, YELLOW

__all__ = [
    "BLUE",
    "CLASS_COLORS",
    "GREEN",
    "ORANGE",
    "PURPLE",
    "SKY",
    "VERMILION",
    "YELLOW",
    "architecture",
    "confusion_matrix",
    "count_confusions",
    "decision_boundary",
    "learning_curves",
    "training_overview",
    "weights",
]
