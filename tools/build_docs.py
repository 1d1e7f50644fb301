"""Build the documentation in English and Chinese, and check it: warnings are errors.

    python tools/build_docs.py [FOLDER]        build the site, count translations, check links, run the notebooks
    python tools/build_docs.py --update        bring the messages of docs/locale up to date, to be translated then

Needs the extra `docs`. Nothing is downloaded.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from nbclient import NotebookClient
from traitlets.config import Config

DOCS = Path(__file__).parents[1] / "docs"
MESSAGES = DOCS / "locale" / "zh_CN" / "LC_MESSAGES"
# Pages, and folders of pages, that are there in Chinese too, one in a line.
TRANSLATED = (DOCS / "locale" / "pages.txt").read_text(encoding="utf-8").split()


def sphinx(builder: str, folder: Path, *options: str, short: bool = False) -> None:
    """Run Sphinx; a `short` build has only the pages that are translated."""
    environment = {**os.environ, "CHAINRULE_DOCS_SHORT": "1" if short else ""}
    command = ["-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "--builder", builder, *options]
    with tempfile.TemporaryDirectory() as doctrees:
        subprocess.run(
            [sys.executable, *command, "--doctree-dir", doctrees, str(DOCS), str(folder)], env=environment, check=True
        )


def templates(folder: Path) -> dict[str, Path]:
    """Return the files of messages to translate, by page."""
    sphinx("gettext", folder, short=True)
    found = {file.relative_to(folder).with_suffix("").as_posix(): file for file in folder.rglob("*.pot")}
    return {page: file for page, file in found.items() if page.split("/")[0] in TRANSLATED}


def messages(file: Path) -> Catalog:
    with file.open("rb") as stream:
        return read_po(stream)


def untranslated() -> list[str]:
    """Return the messages that are missing or stale, each with its page."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for page, template in sorted(templates(Path(folder)).items()):
            wanted = {message.id for message in messages(template) if message.id}
            file = MESSAGES / f"{page}.po"
            catalog = messages(file) if file.exists() else Catalog()
            there = {message.id: message for message in catalog if message.id}
            done = {text for text, message in there.items() if message.string and not message.fuzzy}
            found += [f"{page}: missing: {text}" for text in sorted(wanted - done)]
            found += [f"{page}: stale: {text}" for text in sorted({*there, *catalog.obsolete} - wanted)]
    return found


def update() -> None:
    """Let sphinx-intl add new messages, and mark as fuzzy those that have changed."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as chosen:
        for page, template in templates(Path(folder)).items():
            target = Path(chosen) / f"{page}.pot"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(template, target)
        command = ["update", "-p", chosen, "-l", "zh_CN", "-d", str(DOCS / "locale"), "-w", "0"]
        subprocess.run([sys.executable, "-m", "sphinx_intl", *command], check=True)


class Page(HTMLParser):
    """The links of a page, and the places in it to which links can lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note what a tag leads to, and what it is called."""
        for name, value in attributes:
            if name == "id" and value:
                self.places.add(value)
            elif name in ("href", "src") and value:
                self.links.append(value)


def broken_links(site: Path) -> Iterator[str]:
    """Yield the links within the site that lead nowhere; those to other sites are not followed."""
    pages = {file: Page(file.read_text(encoding="utf-8")) for file in site.rglob("*.html")}
    for file, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or "_static" in link:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            lost = not target.exists() or (
                parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places
            )
            if lost:
                yield f"{file.relative_to(site)}: {link}"


def run_notebooks() -> None:
    """Run every notebook from its first to its last cell; an error in one of them is raised."""
    for file in sorted((DOCS / "notebooks").glob("*.ipynb")):
        with tempfile.TemporaryDirectory() as folder:
            notebook = nbformat.read(file, as_version=4)
            # Files as sockets: another process may take a port before the kernel does.
            config = Config(KernelManager={"transport": "ipc", "ip": f"{folder}/kernel"})
            resources = {"metadata": {"path": folder}}
            NotebookClient(notebook, config=config, timeout=120, resources=resources).execute()
        print(f"{file.name} runs")


def main() -> int:
    """Return 1 if a message is missing or stale, or a link leads nowhere."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default="build/docs", help="where the site is written (build/docs)")
    parser.add_argument("--update", action="store_true", help="update the messages to translate, and build nothing")
    options = parser.parse_args()
    if options.update:
        update()
        return 0
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # more threads would only wait for each other
    site = Path(options.folder).resolve()
    shutil.rmtree(site, ignore_errors=True)
    sphinx("html", site)
    chinese = ("language=zh_CN", "html_theme_options.header_dropdown_text=更多")
    sphinx("html", site / "zh", *(f"--define={setting}" for setting in chinese), short=True)
    open_messages, lost = untranslated(), list(broken_links(site))
    print(*open_messages, *lost, sep="\n")
    print(f"messages of the Chinese pages that are missing or stale: {len(open_messages)}")
    print(f"links within the site that lead nowhere: {len(lost)}")
    run_notebooks()
    return 1 if open_messages or lost else 0


if __name__ == "__main__":
    sys.exit(main())
