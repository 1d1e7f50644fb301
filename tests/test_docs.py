"""Each piece of Python in the pages of docs/ and in the READMEs runs, and gives the output that is shown."""

import contextlib
import doctest
import io
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import chainrule as cr

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
# Python with, right after it, what it prints, if the page shows that.
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:^```\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)
# What pages take as given, and what single ones do.
ANYWHERE = "net = cr.Network([3, 4, 2], seed=0); X, y = np.zeros((4, 3)), np.zeros((4, 2))"
GIVEN = {
    "features.md": "X = np.random.default_rng(0).standard_normal((64, 20)); y = X[:, 0]",
    "many.md": """
X = np.random.default_rng(0).standard_normal((60, 8)); y = X[:, 0]
X_val, y_val, X_new, X_unseen, y_unseen = X[:5], y[:5], X[:3], X[40:], y[40:]
network, rates = cr.Network([8, 4, 1], seed=0), np.geomspace(1e-4, 1e-2, 15)
""",
    "many_machines.md": """
for part in "", "0", "-validation-0":
    np.save(f"X{part}.npy", np.zeros((64, 784))); np.save(f"y{part}.npy", np.zeros(64, dtype=int))
""",
    "tabular.md": """
import pandas as pd
new_houses = pd.DataFrame({"size": [40.0, 60.0, 80.0, 90.0, 30.0] * 8})
new_houses.assign(price=new_houses["size"] * 3).to_csv("houses.csv", index=False)
""",
}


def blocks(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", list(filter(blocks, PAGES)), ids=lambda page: str(page.relative_to(ROOT)))
def test_python_of_a_page_gives_the_output_that_is_shown(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # pages save files
    # What is for many machines runs on this one, without MPI.
    alone = SimpleNamespace(rank=0, size=1, send=None, receive=None, broadcast=None)
    monkeypatch.setitem(sys.modules, "mpi4py", SimpleNamespace(MPI=SimpleNamespace(COMM_WORLD=alone)))
    names = {"cr": cr, "np": np}
    exec(GIVEN.get(page.name, ANYWHERE), names)
    report = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    with threadpool_limits(1):
        for code, shown in blocks(page):
            if code.startswith(">>>"):
                test = doctest.DocTestParser().get_doctest(code, names, page.name, str(page), 0)
                runner.run(test, out=report.append, clear_globs=False)
                names.update(test.globs)
            else:
                printed = io.StringIO()
                with contextlib.redirect_stdout(printed):
                    exec(code, names)
                assert not shown or printed.getvalue().strip() == shown.strip()
    assert runner.summarize(verbose=False).failed == 0, "".join(report)


def test_both_readmes_have_the_same_code_and_figures():
    english, chinese = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh.md"))
    for pattern in (r"^```\w*\n.*?^```$", r"\d+\.\d+ ×|\d\.\d+ µ?s\b", r"docs/[\w/.]+"):
        found = [re.findall(pattern, text, re.DOTALL | re.MULTILINE) for text in (english, chinese)]
        assert set(found[0]) - {"docs/start.md", "docs/tutorials/index.md", "docs/howto/index.md"} == set(found[1])
