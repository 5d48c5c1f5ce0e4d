"""Figures of each day as plots: SVG without script, style or address, whose colours the page's own style sets.

Each plot stands beside a table with the same figures; for a screen reader it is one picture with a sentence.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, SubElement

import pygal  # type: ignore[import-untyped]
from markupsafe import Markup
from pygal.etree import etree  # type: ignore[import-untyped]
from pygal.style import Style  # type: ignore[import-untyped]

# It puts a finder of plug-ins before every later import. There are none.
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]
etree.to_etree()  # not lxml where that happens to be there: the page is the same everywhere

WIDTH, HEIGHT = 520, 200
LABELS = 5
"""About so many dates are written below the bars."""
_UNUSED = ("script", "style", "desc", "defs")
_NAMESPACE = ' xmlns="http://www.w3.org/2000/svg"'
"""What a picture needs only where it is a file of its own."""


class Plot(NamedTuple):
    """`summary` says it in a sentence; `names` are those of the colours, in order; `svg` may be part of a page."""

    title: str
    summary: str
    names: tuple[str, ...]
    svg: Markup


def bars(
    title: str,
    summary: str,
    dates: Sequence[dt.date],
    series: Mapping[str, Mapping[dt.date, int | Decimal]],
) -> Plot:
    """Stacked bars: for each name its value on each date; a date without one has none."""
    chart = pygal.StackedBar(
        width=WIDTH,
        height=HEIGHT,
        js=(),
        css=(),
        style=Style(label_font_size=14, major_label_font_size=14),
        disable_xml_declaration=True,
        no_prefix=True,
        show_legend=False,  # the page has its own, which is text on a narrow screen too
        truncate_label=-1,
        show_minor_x_labels=False,
        x_labels_major=[f"{date:%m-%d}" for date in dates[:: -max(1, len(dates) // LABELS)]],
        max_scale=5,
        value_formatter=_short,
        margin=8,
        spacing=8,
    )
    chart.uuid = "plot"  # the same figures give the same page
    chart.x_labels = [f"{date:%m-%d}" for date in dates]
    for name, values in series.items():
        points = ((date, values.get(date, 0)) for date in dates)
        chart.add(name, [{"value": float(value), "label": f"{date}, {name}"} for date, value in points])
    chart.add_xml_filter(_bare)
    # pygal has escaped what it was given, and `_bare` has left nothing that a browser would run.
    return Plot(title, summary, tuple(series), Markup(chart.render(is_unicode=True).replace(_NAMESPACE, "")))  # noqa: S704


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:,.2f}"


def _bare(root: Element) -> Element:
    """The picture without scripts, styles, comments and ids; a bar says its figure when it is pointed at."""
    for parent in list(root.iter()):
        told = [child.text for child in parent if child.attrib.get("class") in ("x_label", "value")]
        for child in list[Any](parent):
            if not isinstance(child.tag, str) or _name(child) in _UNUSED or _is_for_scripts(child):
                parent.remove(child)
        if told:
            SubElement(parent, "title").text = ": ".join(filter(None, told[::-1]))
        parent.attrib.pop("id", None)
    return root


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _is_for_scripts(element: Element) -> bool:
    return element.text == "Pygal" or "tooltip-overlay" in element.attrib.get("class", "")
