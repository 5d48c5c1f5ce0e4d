"""Builds the documentation as a site, from README.md and all files that links lead to: `make docs`.

1. Pages are copied into build/docs, and other files into the site, each to the same place as in the checkout.
   So a relative link means the same on a code host, in an editor and on the site, even if it leads out of docs/.
2. Mermaid pictures are drawn here and not in the reader's browser, which would load Mermaid from another host.
3. Zensical builds the site from build/docs into site/, in its strict mode.

It fails if a link leads nowhere, a picture has a mistake, or a page is missing from the navigation.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import mermaidx

ROOT = Path(__file__).parents[1]
START = "README.md"
LONGEST = 120.0
"""Seconds after which Zensical counts as hanging; a build takes about one."""
FENCE = re.compile(r"^( *)(```+|~~~+)(?P<kind>[^\n]*)\n(?P<body>.*?)^\1\2 *$", re.DOTALL | re.MULTILINE)
CODE_OR_COMMENT = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)|<!--.*?-->", re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
LINK = re.compile(r"\]\(<?([^)>\s]+)>?(?: \"[^\"]*\")?\)")
LIST = re.compile(r"(?:[-*]|\d+\.) ")
NESTED = re.compile(r" {1,3}(?:[-*] |\|)")
TITLE = re.compile(r"^ *accTitle: *(.+)$", re.MULTILINE)
ELSEWHERE = re.compile(r"[a-z]+:")


class Mistake(Exception):
    """A mistake that a person has to correct; the message names the page."""


def is_page(name: str) -> bool:
    """Whether a file becomes a page of the site; any other file is copied as it is."""
    return name.endswith(".md")


def links(page: str) -> list[str]:
    """What a Markdown page links to, except for URLs, and for code that only looks like a link."""
    prose = CODE_OR_COMMENT.sub("", FENCE.sub("", page))
    return [target for target in LINK.findall(prose) if not ELSEWHERE.match(target)]


def check_lists(page: str, name: str) -> None:
    """Raise Mistake for lists that only code hosts show: no empty line before them, or two spaces of indent."""
    before = ""
    for line in COMMENT.sub("", FENCE.sub("", page)).splitlines():
        if LIST.match(line) and before and not LIST.match(before) and not before.startswith("  "):
            raise Mistake(f"{name}: a list needs an empty line before it: {line}")
        if NESTED.match(line):
            raise Mistake(f"{name}: a block inside a list has to be indented by four spaces: {line.strip()}")
        before = line


def collect(root: Path, start: str = START) -> dict[str, Path]:
    """The start page and every file that can be reached from it by links, by path in the checkout."""
    found: dict[str, Path] = {}
    waiting = [start]
    while waiting:
        name = waiting.pop()
        found[name] = root / name
        if is_page(name):
            targets = (follow(root, name, link) for link in links(found[name].read_text(encoding="utf-8")))
            waiting += {target for target in targets if target not in found}
    return found


def follow(root: Path, page: str, link: str) -> str:
    """The path of the file that a link on this page leads to. Raises Mistake if it leads nowhere."""
    path = link.partition("#")[0]
    target = Path(os.path.normpath(root / page if path == "" else (root / page).parent / path))
    if not target.is_relative_to(root) or not target.exists():
        raise Mistake(f"{page}: the link to {link} leads nowhere")
    if target.is_dir():
        raise Mistake(
            f"{page}: the link to {link} leads to a directory; a site has no page for it, so name a file"
        )
    return target.relative_to(root).as_posix()


def draw(page: str, name: str) -> tuple[str, dict[str, str]]:
    """The page with images in place of the Mermaid text, and these images by file name."""
    images: dict[str, str] = {}

    def image(fence: re.Match[str]) -> str:
        if fence["kind"].strip() != "mermaid":
            return fence[0]
        title = TITLE.search(fence["body"])
        if title is None:
            raise Mistake(f"{name}: a picture has no line `accTitle:`, which people need who cannot see it")
        file = f"{Path(name).stem}-{len(images) + 1}.svg"
        try:
            images[file] = mermaidx.render(fence["body"]).svg()
        except RuntimeError as error:
            raise Mistake(f"{name}: {title[1]}: {error}") from None
        return f"![{title[1]}]({file})"

    return FENCE.sub(image, page), images


def stage(files: dict[str, Path], source: Path) -> None:
    """Write the pages to the folder that the site is built from."""
    shutil.rmtree(source, ignore_errors=True)
    for name in filter(is_page, files):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        text = files[name].read_text(encoding="utf-8")
        check_lists(text, name)
        page, images = draw(text, name)
        (source / name).write_text(page, encoding="utf-8")
        for file, image in images.items():
            (source / name).with_name(file).write_text(image, encoding="utf-8")


def pages_of(navigation: object) -> Iterator[str]:
    """The pages in the navigation, in any section."""
    if isinstance(navigation, str):
        yield navigation
    elif isinstance(navigation, (list, dict)):
        for part in navigation.values() if isinstance(navigation, dict) else navigation:
            yield from pages_of(part)


def check_navigation(root: Path, files: dict[str, Path]) -> None:
    """Raise Mistake unless links lead to every page of docs/, and every page is in the navigation."""
    shown = set(pages_of(tomllib.loads((root / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]))
    reached = set(filter(is_page, files))
    written = {path.relative_to(root).as_posix() for path in (root / "docs").rglob("*.md")}
    if lonely := written - reached:
        raise Mistake(f"no link leads to {', '.join(sorted(lonely))}")
    if shown != reached:
        raise Mistake(
            f"zensical.toml: the navigation and the pages differ by {', '.join(sorted(shown ^ reached))}"
        )


def generate(root: Path) -> None:
    """Have Zensical make site/ from build/docs. It checks the links between pages, and their anchors."""
    shutil.rmtree(root / "site", ignore_errors=True)
    command = [Path(sys.executable).with_name("zensical"), "build", "--strict", "--clean"]
    printed = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8"}
    done = subprocess.run(command, cwd=root, timeout=LONGEST, **printed)
    if done.returncode:
        output = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
        raise Mistake(output.partition("Traceback (most recent call last)")[0].strip())


def add(files: dict[str, Path], site: Path) -> None:
    """Copy the files that are not pages into the site. Zensical would leave out those with a leading dot."""
    for name, path in files.items():
        if not is_page(name):
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, site / name)


def build(root: Path = ROOT) -> None:
    """Build the site from the pages of a checkout."""
    files = collect(root)
    check_navigation(root, files)
    stage(files, root / "build" / "docs")
    generate(root)
    add(files, root / "site")


def main() -> None:
    try:
        build()
    except Mistake as mistake:
        sys.exit(f"The documentation has a mistake. {mistake}")
    print("The site is in site/: open site/index.html.")


if __name__ == "__main__":
    main()
