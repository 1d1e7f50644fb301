"""Exclusive or, which two layers can learn and one cannot."""

import chainrule as cr

X, y = cr.data.xor()
for sizes in ([2, 1], [2, 4, 1]):
    net = cr.Network(sizes, activation="tanh", output="sigmoid", seed=0)
    net.fit(X, y, epochs=500, batch_size="full", optimizer=cr.Adam(0.05), verbose=0)
    outputs = ", ".join(f"{value:.2f}" for value in net.predict(X)[:, 0])
    print(f"{sizes}: outputs {outputs}, accuracy {net.evaluate(X, y)['accuracy']:.0%}")
