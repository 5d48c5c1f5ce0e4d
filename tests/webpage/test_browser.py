"""The page in a real browser: silent, self-contained, legible at every width, and without a fault that axe-core finds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from etl.core.overview import AccountOverview
from etl.webpage.render import page
from tests.absent import absent
from tests.webpage.sample import EMPTY, covered, full

PHONE, TABLET, DESK = 375, 820, 1400
PAGES: dict[str, AccountOverview] = {
    "of everything": full(),
    "of nothing": EMPTY,
    "of many batches": full(covered=covered(1_000), batches=()),
}
CASES = [
    ("of everything", PHONE, "light"),
    ("of everything", TABLET, "dark"),
    ("of everything", DESK, "light"),
    ("of many batches", PHONE, "light"),
    ("of nothing", TABLET, "light"),
]
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
BARS = "[...document.querySelectorAll('.plot .bars rect')].filter(bar => bar.checkVisibility() && bar.getBoundingClientRect().height > 5).length"
CELLS = (
    "[...document.querySelectorAll('.cells .cell')].filter(cell => cell.getBoundingClientRect().width < 16).length"
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415
    except ImportError:
        absent("playwright is not installed: make .venv/.installed-full")
    program = shutil.which("chromium") or absent("no chromium on PATH: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize(("name", "width", "scheme"), CASES)
def test_the_page(chromium: Any, tmp_path: Path, name: str, width: int, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415  (only with the other)

    file = tmp_path / "report.html"
    file.write_text(page(PAGES[name]), encoding="utf-8")
    shown = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    asked: list[str] = []
    shown.on("console", lambda message: said.append(message.text))
    shown.on("pageerror", lambda error: said.append(str(error)))
    shown.on("request", lambda request: asked.append(request.url))
    shown.goto(file.as_uri())
    assert shown.evaluate(SIDEWAYS) == 0
    assert shown.evaluate(CELLS) == 0
    assert (shown.evaluate(BARS) > 0) is (name != "of nothing")
    found = Axe().run(shown)
    assert found.violations_count == 0, found.generate_report()
    assert asked == [file.as_uri()]
    assert said == []
    shown.close()


def test_a_screen_reader_hears_each_field(chromium: Any, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page(PAGES["of many batches"]), encoding="utf-8")
    shown = chromium.new_page()
    shown.goto(file.as_uri())
    row = shown.get_by_role("row").filter(has=shown.get_by_role("rowheader", name="2026-03-14", exact=True)).first
    assert "1,000 batch days lost: 90,000 of 100,000 rows held" in row.aria_snapshot()
    assert shown.get_by_role("img", name="Requests a day").count() == 1
    shown.close()
