"""A table with a rare class and string labels, in a pipeline of scikit-learn (needs the extra `sklearn`).

python examples/table.py

Early stopping counts with the weights of the classes, so that the rare one is not given up for accuracy.
"""

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from chainrule.sklearn import MLPClassifier

rng = np.random.default_rng(0)
X = rng.normal([50.0, 3.0, 1e4, 0.0, 0.0, 20.0], [10.0, 1.0, 3e3, 1.0, 1.0, 5.0], (3000, 6))
risk = (X[:, 0] - 50) / 10 + (X[:, 2] - 1e4) / 3e3 * X[:, 3] + 0.5 * rng.standard_normal(3000)
y = np.where(risk > np.quantile(risk, 0.9), "fail", "good")
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

network = MLPClassifier(early_stopping=True, class_weight="balanced", max_iter=1000, random_state=0)
search = GridSearchCV(
    make_pipeline(StandardScaler(), network),
    {"mlpclassifier__hidden_layer_sizes": [(16,), (32, 32)], "mlpclassifier__alpha": [1e-4, 1e-2]},
    scoring="roc_auc",
    cv=3,
)
search.fit(X_train, y_train)
probability = search.predict_proba(X_test)[:, list(search.classes_).index("fail")]
print(f"best {search.best_params_}")
print(f"AUC {roc_auc_score(y_test == 'fail', probability):.3f}")
