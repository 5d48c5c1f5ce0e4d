"""The site of the documentation: it is built, loads nothing from elsewhere, and mistakes make it fail."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from tests.scripts import loaded

ROOT = Path(__file__).parents[2]
LONGEST = 250
# In HTML and CSS, what a browser fetches by itself: no links that a person follows.
LOADED = re.compile(
    r"""(?:\bsrc|<link[^>]*\bhref|srcset)=["']?((?:https?:)?//[^"'\s>]+)|url\(["']?((?:https?:)?//[^"')]+)"""
)


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    return loaded(ROOT / "docs" / "build_site.py")


@pytest.fixture(scope="module")
def site(builder: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of this checkout, built elsewhere."""
    root = tmp_path_factory.mktemp("checkout")
    for name, path in builder.collect(ROOT).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / name)
    shutil.copy(ROOT / "zensical.toml", root)
    builder.build(root)
    return root / "site"


# Zensical hangs where faketime changes the clock, as .ci/elsewhere does for the quick tests: what calls it is `full`.


@pytest.mark.full
def test_every_page_is_there(builder: ModuleType, site: Path) -> None:
    for name in builder.collect(ROOT):
        if name.endswith(".md"):
            path = site / name.replace("README.md", "index.md")
            assert path.with_suffix(".html").is_file(), name
        else:
            assert (site / name).read_bytes() == (ROOT / name).read_bytes()
    assert (site / "deploy/prometheus/alerts.yml").is_file()


@pytest.mark.full
def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    files = [path for kind in ("*.html", "*.css") for path in site.rglob(kind)]
    assert len(files) > 50
    for path in files:
        assert not LOADED.findall(path.read_text(encoding="utf-8")), path
    for path in site.rglob("*.html"):
        assert 'class="mermaid"' not in path.read_text(encoding="utf-8"), "the theme would load Mermaid for it"


@pytest.mark.full
def test_every_picture_is_drawn(builder: ModuleType, site: Path) -> None:
    pages = [
        path.read_text(encoding="utf-8") for name, path in builder.collect(ROOT).items() if name.endswith(".md")
    ]
    drawn = [path for path in site.rglob("*-[0-9].svg") if "assets" not in path.parts]
    assert len(drawn) == sum(page.count("```mermaid") for page in pages) >= 4
    for path in drawn:
        assert re.search(r"<title[^>]*>\w", path.read_text(encoding="utf-8")), path


def test_no_page_is_longer_than_a_persons_patience(builder: ModuleType) -> None:
    pages = {name: path for name, path in builder.collect(ROOT).items() if name.startswith("docs/")}
    for name, path in pages.items():
        assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST or not name.endswith(".md"), name


# -- mistakes -------------------------------------------------------------------------------------------------


def checkout(folder: Path, readme: str, **pages: str) -> Path:
    """A small one: a README, docs/a.md, and further pages in docs."""
    given = {"README.md": f"# Start\n\n[a](docs/a.md#one-more)\n\n{readme}\n", "docs/a.md": "# A\n\n## One more\n"}
    given |= {f"docs/{name}.md": text for name, text in pages.items()}
    for name, text in given.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    config = '[project]\nsite_name = "x"\ndocs_dir = "build/docs"\nsite_dir = "site"\nnav = ["README.md", "docs/a.md"]\n'
    (folder / "zensical.toml").write_text(config, encoding="utf-8")
    (folder / "deploy").mkdir()
    (folder / "deploy/crontab").write_text("# [no](link.md)\n", encoding="utf-8")
    return folder


@pytest.mark.full
def test_what_is_right_is_built(builder: ModuleType, tmp_path: Path) -> None:
    code = "`[no](link.md)`\n\n```text\n[no](link.md)\n```\n\n<!-- [no](link.md) -->"
    lists = "- one\n  goes on\n- two\n    - three\n\n1. one\n2. two"
    root = checkout(
        tmp_path, f"[crontab](deploy/crontab), [here](#start), <https://example.org>.\n\n{code}\n\n{lists}"
    )
    builder.build(root)
    assert '<a href="deploy/crontab">' in (root / "site/index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("readme", "said"),
    [
        ("[x](docs/none.md)", "README.md: the link to docs/none.md leads nowhere"),
        ("[x](deploy/none.yml)", "README.md: the link to deploy/none.yml leads nowhere"),
        ("![x](none.png)", "README.md: the link to none.png leads nowhere"),
        ("[x](../outside.md)", "README.md: the link to ../outside.md leads nowhere"),
        ("[x](deploy)", "leads to a directory"),
        pytest.param("[x](docs/a.md#none)", "anchor does not exist", marks=pytest.mark.full),
        pytest.param("[x](#none)", "anchor does not exist", marks=pytest.mark.full),
        ("Two:\n- one\n- two", "README.md: a list needs an empty line before it: - one"),
        ("- one\n  - two", "README.md: a block inside a list has to be indented by four spaces: - two"),
        ("```mermaid\nflowchart LR\n    a --> b\n```", "README.md: a picture has no line `accTitle:`"),
        (
            "```mermaid\nflowchart LR\n    accTitle: Wrong\n    a -->\n```",
            "README.md: Wrong: Mermaid rendering failed",
        ),
    ],
)
def test_a_mistake_fails(builder: ModuleType, tmp_path: Path, readme: str, said: str) -> None:
    with pytest.raises(builder.Mistake) as failed:
        builder.build(checkout(tmp_path, readme))
    assert said in str(failed.value)


def test_a_page_that_nothing_leads_to_fails(builder: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(builder.Mistake, match=r"no link leads to docs/lonely\.md"):
        builder.build(checkout(tmp_path, "", lonely="# Lonely\n"))


def test_a_page_that_is_missing_from_the_navigation_fails(builder: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(builder.Mistake, match=r"differ by docs/b\.md"):
        builder.build(checkout(tmp_path, "[b](docs/b.md)", b="# B\n"))
