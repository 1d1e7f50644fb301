"""A network that scikit-learn has begun to train is trained on here, and goes back; so does one of PyTorch.

python examples/there_and_back.py

What both sides predict is the same at each border. The part with PyTorch runs where it is installed.
"""

import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

import chainrule as cr

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
X_train, y_train, X_test, y_test = X[:1200], y[:1200], X[1200:], y[1200:]


def score(model, predict):
    print(f"{model}: accuracy {(predict(X_test) == y_test).mean():.1%}")


mlp = MLPClassifier((64,), max_iter=3, random_state=0)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    mlp.fit(X_train, y_train)
score("scikit-learn, 3 epochs", mlp.predict)

net = cr.from_sklearn(mlp)
difference = np.abs(net.predict(X_test) - mlp.predict_proba(X_test)).max()
print(f"largest difference of probabilities: {difference:.0e}")
net.fit(X_train, y_train, epochs=30, verbose=0)
score("30 more epochs here", net.predict_classes)

again = net.to_sklearn()
again.partial_fit(X_train, y_train)
score("back in scikit-learn, and one epoch more", again.predict)

try:
    import torch
except ImportError:
    print("PyTorch is not installed")
else:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
    optimizer = torch.optim.Adam(module.parameters())
    for _ in range(30):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(module(torch.tensor(X_train)), torch.tensor(y_train)).backward()
        optimizer.step()
    net = cr.from_torch([*module, torch.nn.Softmax(-1)], (64,))
    score("PyTorch, 30 steps", net.predict_classes)
    net.fit(X_train, y_train, epochs=30, verbose=0)
    score("30 epochs here", net.predict_classes)
    back = net.to_torch()
    difference = np.abs(back(torch.tensor(X_test)).detach().numpy() - net.predict(X_test)).max()
    print(f"back in PyTorch: largest difference of probabilities {difference:.0e}")
