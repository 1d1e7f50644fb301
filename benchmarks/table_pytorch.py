"""The network that a user of PyTorch writes first: two hidden layers of 64, Adam, 50 epochs in batches of 32."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

Array = NDArray[Any]
UNITS, EPOCHS, BATCH, RATE = 64, 50, 32, 1e-3


class PlainNetwork(BaseEstimator):
    """An estimator on scaled numbers; it has predict_proba where it tells classes apart."""

    def __init__(self, classes: bool, seed: int, threads: int) -> None:
        self.classes = classes
        self.seed = seed
        self.threads = threads

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.estimator_type = "classifier" if self.classes else "regressor"
        return tags

    def fit(self, X: Array, y: Array) -> PlainNetwork:
        """Train with samples and labels, or numbers."""
        torch.manual_seed(self.seed)
        torch.set_num_threads(self.threads)
        self.classes_, labels = np.unique(y, return_inverse=True) if self.classes else (None, None)
        outputs = len(self.classes_) if self.classes else 1
        self.network = torch.nn.Sequential(
            torch.nn.Linear(X.shape[1], UNITS), torch.nn.ReLU(), torch.nn.Linear(UNITS, UNITS), torch.nn.ReLU(),
            torch.nn.Linear(UNITS, outputs),
        )  # fmt: skip
        targets = torch.tensor(labels) if self.classes else torch.tensor(y, dtype=torch.float32).reshape(-1, 1)
        loss = torch.nn.CrossEntropyLoss() if self.classes else torch.nn.MSELoss()
        data = torch.utils.data.TensorDataset(torch.tensor(X, dtype=torch.float32), targets)
        adam = torch.optim.Adam(self.network.parameters(), RATE)
        for _ in range(EPOCHS):
            for inputs, wanted in torch.utils.data.DataLoader(data, BATCH, shuffle=True):
                adam.zero_grad()
                loss(self.network(inputs), wanted).backward()
                adam.step()
        return self

    def _outputs(self, X: Array) -> torch.Tensor:
        with torch.no_grad():
            return self.network(torch.tensor(X, dtype=torch.float32))

    def predict_proba(self, X: Array) -> Array:
        """Return the probabilities of the classes."""
        return torch.softmax(self._outputs(X), dim=1).numpy()

    def predict(self, X: Array) -> Array:
        """Return labels or numbers."""
        if self.classes:
            return self.classes_[self.predict_proba(X).argmax(axis=1)]
        return self._outputs(X).numpy()[:, 0]
