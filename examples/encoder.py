"""The 8-3-8 encoder of the textbook: three hidden units find a binary code, in the object model and in the core."""

import numpy as np

import chainrule as cr
from chainrule import nodes

X, y = cr.data.identity8()
model = nodes.Network([8, 3, 8], seed=0)
core = cr.Network.from_nodes(model)

model.train(y.tolist(), X.tolist(), rate=3.0, iteration=2000)
core.fit(X, y, epochs=2000, batch_size=1, shuffle=False, optimizer=cr.SGD(3.0), loss="mse", verbose=0)

weights = np.array(model.flat([connection.weight for connection in model.connections]))
print(f"largest difference of a weight after 16,000 steps: {np.abs(weights - core.parameters).max():.1e}\n")
print("pattern  read as  code")
hidden = cr.Network([8, 3], output="sigmoid", weights=core.layers[1].weights)
hidden.layers[1].bias = core.layers[1].bias
for pattern, (output, code) in enumerate(zip(core.predict(X), hidden.predict(X), strict=True)):
    print(f"{pattern:7}  {output.argmax():7}  {' '.join(f'{value:.0f}' for value in code)}")
