"""Settings of Sphinx. `python tools/build_docs.py` builds the site in both languages and checks it."""

import importlib
import inspect
import os
import pkgutil
import re
import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

import chainrule

LOGGER = logging.getLogger(__name__)
HERE = Path(__file__).parent
EXAMPLES = HERE / "_examples"
SOURCE = "https://github.com/chainrule/chainrule/blob/main/"
# Pages, and folders of pages, that are there in Chinese too.
TRANSLATED = (HERE / "locale" / "pages.txt").read_text(encoding="utf-8").split()
# Whether pages that are not translated are left out, as in the Chinese site, whose links to them go to the English one.
SHORT = bool(os.environ.get("CHAINRULE_DOCS_SHORT"))

project = "chainrule"
author = "The chainrule developers"
version = release = chainrule.__version__

extensions = [
    "myst_parser",
    "sphinx-mathjax-offline",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
]
exclude_patterns = ["_build", "_examples", "locale", "notebooks"]
# A setting that is a function cannot be stored from build to build.
suppress_warnings = ["config.cache"]
if SHORT:
    exclude_patterns.append("gallery")
    suppress_warnings += ["toc.excluded", "toc.not_readable"]
default_role = "py:obj"
templates_path = ["_templates"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

# A name is listed where its module says so, in the order of the file.
autodoc_member_order = "bysource"
autodoc_typehints = "none"
add_module_names = False
python_display_short_literal_types = True
numpydoc_show_class_members = False

language = "en"
locale_dirs = ["locale"]
gettext_compact = False
gettext_uuid = False
gettext_location = False

html_theme = "pydata_sphinx_theme"
html_title = "chainrule"
html_static_path = ["_static"]
html_css_files = ["chainrule.css"]
html_show_sourcelink = False
html_copy_source = False
# These pages have no others below them.
SINGLE = ("index", "start", "coming_from", "notebooks", "checking", "benchmarks", "architecture", "formulas")
html_sidebars = {page: [] for page in SINGLE}
html_theme_options = {
    "navbar_end": ["language.html", "theme-switcher"],
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
}
copyright = author


# --- the gallery: the examples of the repository, each with the name of its file as title

# These draw a picture, or take no time. The others are shown with their code alone.
RUN = ("encoder", "function_approximation", "gradient_checking", "sine_forecast", "vanishing", "xor")
TITLE = """Examples
========

Each is a script in the folder ``examples`` of the repository, which runs without arguments. The pictures and the
printed lines were made when this site was built, with ``--quick`` where a script has it.
"""


def copy_examples() -> None:
    """Copy the examples below docs/, with docstrings that begin with a title, as the gallery wants them."""
    shutil.rmtree(EXAMPLES, ignore_errors=True)
    EXAMPLES.mkdir()
    (EXAMPLES / "README.rst").write_text(TITLE, encoding="utf-8")
    for path in sorted((HERE.parent / "examples").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        name = path.stem.replace("_", " ")
        title = f"{name}\n{'=' * len(name)}\n\n"
        picture = f"images/{path.stem}.png"
        if path.stem not in RUN and (HERE / picture).exists():
            title += f".. image:: /{picture}\n\n"
            text += f"\n# sphinx_gallery_thumbnail_path = '{picture}'\n"
        # A line that shows a command is code.
        text = re.sub(r"^(python examples/.*)$", r"::\n\n    \1", text, flags=re.MULTILINE)
        (EXAMPLES / path.name).write_text(text.replace('"""', f'"""{title}', 1), encoding="utf-8")


def moved_pictures(block: Any, variables: dict[str, Any], gallery: dict[str, Any]) -> str:
    """Move the pictures that an example has written into the gallery."""
    from sphinx_gallery.scrapers import figure_rst

    made = []
    for picture in sorted(EXAMPLES.glob("*.png")):
        made.append(next(variables["image_path_iterator"]))
        shutil.move(picture, made[-1])
    return str(figure_rst(made, gallery["src_dir"]))


def arguments(gallery: dict[str, Any], variables: dict[str, Any]) -> list[str]:
    """Return what an example is run with."""
    source = Path(variables["src_file"]).read_text(encoding="utf-8")
    return ["--quick"] if '"--quick"' in source else []


if not SHORT:
    copy_examples()
    extensions += ["numpydoc", "sphinx_gallery.gen_gallery"]
sphinx_gallery_conf = {
    "examples_dirs": "_examples",
    "gallery_dirs": "gallery",
    "filename_pattern": rf"/({'|'.join(RUN)})\.py$",
    "within_subsection_order": "FileNameSortKey",
    "default_thumb_file": str(HERE / "images" / "architecture.png"),
    "remove_config_comments": True,
    "image_scrapers": (moved_pictures,),
    "reset_argv": arguments,
    "reset_modules": (),
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 3600,
    "write_computation_times": False,
}

# --- pages on their way in


ELSEWHERE = """---
orphan: true
---
# {title}

```{{raw}} html
<meta http-equiv="refresh" content="0; url={url}">
```
"""


def is_translated(page: str) -> bool:
    """Return whether a page is there in Chinese."""
    return page.split("/")[0] in TRANSLATED


def read_page(app: Sphinx, page: str, source: list[str]) -> None:
    """Let links out of docs/ go to the repository; in a short build, let a page that is not translated send to it."""
    up = "../" * (page.count("/") + 1)
    source[0] = re.sub(rf"\]\({re.escape(up)}(?!\.\.)", f"]({SOURCE}", source[0])
    if SHORT and not is_translated(page):
        title = source[0].split("\n", 1)[0].removeprefix("# ")
        source[0] = ELSEWHERE.format(title=title, url=f"{up}{page}.html")


def check_names(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of each public name that no page describes: of what the package and its modules name in `__all__`."""
    described = env.domaindata["py"]["objects"]
    # What the package names is described under the module that it comes from.
    elsewhere = (name.rpartition(".")[2] for name in described if ".reference." not in name)
    objects = set(described) | {f"chainrule.{name}" for name in elsewhere}
    modules = (f"chainrule.{module.name}" for module in pkgutil.iter_modules(chainrule.__path__))
    for module in [chainrule, *map(importlib.import_module, modules)]:
        for name in getattr(module, "__all__", ()):
            known = f"{module.__name__}.{name}" in objects or inspect.ismodule(getattr(module, name))
            if not known and name != "__version__":
                LOGGER.warning("no page describes %s.%s", module.__name__, name)


def link_pages(app: Sphinx, kind: str, name: str, described: Any, options: Any, lines: list[str]) -> None:
    """Make links of the pages of docs/ that a docstring names."""
    lines[:] = [re.sub(r"docs/(\w+)\.md", r":doc:`/\1`", line) for line in lines]


def setup(app: Sphinx) -> None:
    """Connect the functions of this file with Sphinx."""
    app.connect("source-read", read_page)
    if not SHORT:
        app.connect("env-check-consistency", check_names)
        app.connect("autodoc-process-docstring", link_pages)
    app.config.html_context["translated"] = is_translated
