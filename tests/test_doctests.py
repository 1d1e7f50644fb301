"""Every example in a docstring of the installed package gives the output that it shows."""

import doctest
import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import chainrule


def examples() -> Iterator[doctest.DocTest]:
    names = [module.name for module in pkgutil.walk_packages(chainrule.__path__, "chainrule.")]
    for name in ["chainrule", *names]:
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            # These are imported when they are asked for.
            assert error.name in ("torch", "keras")
            continue
        for test in doctest.DocTestFinder().find(module, name):
            if test.examples:
                yield test


@pytest.mark.parametrize("example", list(examples()), ids=lambda example: example.name)
def test_example_gives_the_output_it_shows(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # examples may save files
    report = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    failed = runner.run(example, out=report.append).failed
    assert failed == 0, "".join(report)
