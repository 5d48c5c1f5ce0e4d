"""The page as text: everything on it is escaped and masked, it names no address, and it stays small."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import fields, replace
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest

from etl.core.doubt import Doubt, DoubtKind
from etl.core.overview import AccountOverview, Backlog, Covered, Daily, Findings, Tally
from etl.webpage.picture import LOOKS
from etl.webpage.render import page
from tests.webpage.sample import DAY, EMPTY, STATES, TODAY, batches, covered, full, run

PHONE = "84980000001"
HOSTILE = ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "a\u202eb\x1b[2J\x00c", "{{ 7 * 7 }}", "x" * 200, "<b", "Q&A", "]]>-->"]  # fmt: skip
EMPTY_TAGS = {"meta", "link", "br", "img"}
MEGABYTE = 1_000_000


class Elements(HTMLParser):
    """The elements of a page, their attributes and the text, and whether each one ends where it should."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names[tag] += 1
        self.attributes += attrs
        self._open += [] if tag in EMPTY_TAGS else [tag]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names[tag] += 1
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if self._open and self._open[-1] != "style" else ""
        self.words += data.split()

    def values(self, name: str) -> list[str | None]:
        return [value for key, value in self.attributes if key == name]


def with_text(text: str) -> AccountOverview:
    """An overview in which everything that comes from outside is this text."""
    made = full()
    return replace(
        made,
        account=text,
        batches=batches(text.replace("{", "{{").replace("}", "}}"), 2),
        covered=(*covered(1, 2), Covered(TODAY, text, 1, 1, 1, 0)),
        earlier={text: 1},
        daily=(*(Daily(TODAY, text, text, 3, 3, 1, day.cost) for day in made.daily[:1]), *made.daily),
        tallies=(Tally(text, text, True, 10_000, Findings(1, 1, 1), Findings(), Findings()), *made.tallies),
        doubts=(Doubt(text, None, DoubtKind.NO_ROWS), Doubt(text, TODAY, DoubtKind.ROUND_TOTAL, 5, 6)),
        rejected={text: 1},
        new_codes=(f"country: Unknown ({text})",),
        runs=(run(text, 0),),
    )


def elements_of(page_of: AccountOverview) -> Elements:
    return Elements(page(page_of))


def test_every_part_is_there() -> None:
    text = elements_of(full()).text
    for words in ("Coverage", "Day by day", "Outcomes", "Cost", "Age of what is known", "Doubts", "Last runs"):
        assert words in text
    assert "Deadline: the vendor no longer answers for the dates below" in text
    assert "40 further carriers" in text
    assert "75.0 %" in text  # 600 of 800 known
    assert "800 of 900 known" in text
    assert "12 % → 21 %" in text
    assert "B-17" in text


def test_an_empty_database_has_a_page_too() -> None:
    found = elements_of(EMPTY)
    assert "Nothing has been synced for this account yet" in found.text
    assert found.names["table"] == 0


@pytest.mark.parametrize("missing", [field.name for field in fields(AccountOverview) if field.default is not field.default_factory and field.name not in ("account", "window", "first", "interval")])  # fmt: skip
def test_any_part_may_be_missing(missing: str) -> None:
    assert elements_of(replace(full(), **{missing: getattr(EMPTY, missing)})).names["h1"] == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_what_comes_from_outside_stays_text(text: str) -> None:
    usual, found = elements_of(with_text("usual")), elements_of(with_text(text))
    assert found.names == usual.names
    assert [name for name, _ in found.attributes] == [name for name, _ in usual.attributes]
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", page(with_text(text)))


@pytest.mark.parametrize("spelling", [PHONE, "+84 98 000 0001", "B8498-0000-001x", "٨٤٩٨٠٠٠٠٠٠١"])
def test_no_phone_number_is_on_the_page(spelling: str) -> None:
    text = page(with_text(spelling))
    assert spelling not in text
    assert "*" in text
    assert not re.search(r"8\W?4\W{0,2}9\W?8\W?0\W?0", text)


def test_it_names_no_address_and_runs_nothing() -> None:
    text, found = page(full()), elements_of(full())
    assert "://" not in text
    assert "@import" not in text
    assert "url(" not in text
    assert {"script", "iframe", "object", "embed", "form", "base", "img"} & found.names.keys() == set()
    assert [value for name in ("src", "href", "xlink:href") for value in found.values(name)] == ["data:,"]
    assert [name for name, _ in found.attributes if name.startswith("on")] == []


def test_no_id_stands_twice() -> None:
    assert [name for name, times in Counter(elements_of(full()).values("id")).items() if times > 1] == []


def test_the_same_overview_gives_the_same_page() -> None:
    assert page(full()) == page(full())


def test_each_state_has_a_sign_and_a_name_of_its_own() -> None:
    assert len({look.sign for look in LOOKS.values()}) == len({look.name for look in LOOKS.values()}) == len(LOOKS)
    text = elements_of(full()).text
    for look in LOOKS.values():
        assert f"{look.name}, 90 of 100 rows" in text


@pytest.mark.parametrize("per_state", [1, 10_000])
def test_it_is_small_however_many_batches_there_are(per_state: int) -> None:
    """70,000 batch days on each of 28 dates, in all states."""
    named = batches() if per_state == 1 else ()
    assert len(page(full(covered=covered(per_state), batches=named)).encode()) < MEGABYTE / 5


def test_the_longest_names_make_it_no_larger_than_a_megabyte() -> None:
    """The widest window, as many batches as are named one by one, each with a name that grows when it is escaped."""
    many = tuple(one for _ in range(4) for one in batches("&" * 64, 28))
    wide = replace(full(), batches=many * 3, covered=covered(1))
    assert len(many * 3) > 74 * 30
    assert len(page(wide).encode()) < MEGABYTE


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"backlog": Backlog(3, 40, 40, 40), "requests": {}}, "every 3 s that takes 2 minutes, until 2026-03-14 04:32 UTC."),
        ({"backlog": Backlog(1, 10, 10, 10), "requests": {TODAY - DAY * 6: 1, TODAY: 3}}, "at the 0.6 a day of the last week that is 17 days, until 2026-03-31 16:30 UTC."),
        ({"backlog": Backlog(1, 10**7, 1, 10**7), "requests": {TODAY - DAY * 6: 1}}, "until 2027-02-24 09:50 UTC; at the 0.1 a day of the last week that is more than 100 years."),
        ({"backlog": Backlog(9, 10**12, 1, 10**12)}, "at one request every 3 s that takes more than 100 years; at the"),
        ({"backlog": Backlog(9, 10**40, 1, 10**40), "interval": 3600.0}, "every 3600 s that takes more than 100 years"),
        ({"backlog": Backlog(1, 10**40, 1, 10**40), "interval": 0.0}, "requests are not paced."),
        ({"requests": {TODAY: 43_200}}, "2026-03-14 43,200 150.0 %"),
        ({"requests": {TODAY: 28_799}}, "2026-03-14 28,799 99.9 %"),
        ({"requests": {TODAY: 28_800}}, "2026-03-14 28,800 100.0 %"),
    ],
)  # fmt: skip
def test_requests_against_the_pace(changes: dict[str, Any], told: str) -> None:
    assert told in " ".join(elements_of(full(**changes)).words)


@pytest.mark.parametrize(
    ("cost", "reachable", "told"),
    [
        ("55704.9462", 3, "55,704.9462 3 18,568.3154"),
        ("0.000001", 3, "0.000001 3 0.000000333"),
        ("-0.000001", 3, "-0.000001 3 -0.000000333"),
        ("-0.000000", 3, "0 3 0"),
        ("1", 0, "1 0 –"),
        ("999999999999999999.999999", 1, "999,999,999,999,999,999.999999 1 999,999,999,999,999,999.999999"),
    ],
)
def test_what_one_reachable_number_cost(cost: str, reachable: int, told: str) -> None:
    daily = (Daily(TODAY, "HLR", "USD", 7, 5, reachable, Decimal(cost)),)
    assert f"USD 5 {told}" in " ".join(elements_of(full(daily=daily)).words)


def test_a_fold_says_how_many_it_stands_for() -> None:
    folded = full(covered=(Covered(TODAY, "lost", 1234, 5000, 4000, 1000), Covered(TODAY - DAY, "pending", 50, None, 0, 0)), batches=())  # fmt: skip
    text = elements_of(folded).text
    assert "1,234 batch days lost: 4,000 of 5,000 rows held, 1,000 missing" in text
    assert "50 batch days pending" in text


def test_the_deadline_is_marked_although_nothing_lies_beyond_it() -> None:
    fresh = elements_of(full(covered=(Covered(TODAY, "open", 1, 1, 1, 0),), batches=()))
    assert "Deadline: the vendor no longer answers for dates before 2026-03-01" in fresh.text
    assert elements_of(full()).text.count("Deadline: ") == 1


def test_a_page_that_leaves_something_out_says_so() -> None:
    assert "the rarest are counted nowhere" not in elements_of(full()).text
    assert "the rarest are counted nowhere" in elements_of(full(cut=True)).text


def test_outcomes_say_for_how_many_checks_there_are_only_sums() -> None:
    daily = [Daily(TODAY, "HLR", "USD", checks, checks, 3, Decimal(1)) for checks in (1000, 500)]
    tallies = (Tally("Vietnam", "Viettel", True, 500, Findings(1, 1, 1), Findings(), Findings()),)
    told = "Without 1,000 checks, of which there are only sums"
    assert told in elements_of(full(daily=tuple(daily), tallies=tallies)).text
    assert "of which there are only sums" not in elements_of(full(daily=tuple(daily[1:]), tallies=tallies)).text


def test_a_date_that_no_run_has_planned_is_not_said_to_have_no_batch() -> None:
    seen = full(
        planned_to=TODAY - 3 * DAY, covered=(Covered(TODAY - DAY * 20, "settled", 1, 1, 1, 0),), batches=()
    )
    text = elements_of(seen).text
    assert text.count("not planned yet") == 3
    assert text.count("no batch") == 21 - 3 - 1


def test_a_state_of_a_later_version_is_shown() -> None:
    assert STATES[-1] not in LOOKS
    assert "other, 90 of 100 rows" in elements_of(full()).text
