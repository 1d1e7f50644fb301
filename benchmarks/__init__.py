"""Compares the speed of chainrule with that of its peers: ``python -m benchmarks --help``, from the root of a clone."""
