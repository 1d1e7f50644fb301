"""An optimiser from outside: SciPy's L-BFGS on net.parameters (needs scipy)."""

import scipy.optimize

import chainrule as cr

X, y = cr.data.two_spirals(194)
net = cr.Network([2, 20, 20, 1], activation="tanh", output="sigmoid", dtype="float64", seed=2, l2=1e-5)


def objective(parameters):
    """Return the objective and its gradient at these parameters."""
    net.parameters = parameters
    return net.loss_and_gradient(X, y, "cross_entropy")


result = scipy.optimize.minimize(objective, net.parameters, jac=True, method="L-BFGS-B", options={"maxiter": 2000})
net.parameters = result.x
print(f"{result.nit} iterations, objective {result.fun:.4f}, accuracy {net.evaluate(X, y)['accuracy']:.1%}")
