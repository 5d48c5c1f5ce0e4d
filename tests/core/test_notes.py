"""Notes on batch days: when each of them is made, and that no decision depends on its sentence."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core import notes
from etl.core.batchday import BatchDay, Note, NoteKind, State

DATE = dt.date(2026, 3, 1)
KEPT = " rows are kept that the vendor no longer lists"
# The number of placeholders for figures in each sentence.
FIGURES = {kind: kind.value.count("{:,}") for kind in NoteKind}


def day(**figures: object) -> BatchDay:
    return BatchDay("B1", DATE, **figures)  # type: ignore[arg-type]


@given(st.integers(0, 10**9))
def test_a_note_that_outlives_a_run_is_recognized_by_its_text(rows: int) -> None:
    note = Note(NoteKind.VANISHED, (rows,))
    assert notes.from_ledger(str(note)) == note


@given(st.text() | st.from_regex(f"[0-9,]{{0,9}}{KEPT}") | st.sampled_from([kind.value for kind in NoteKind]))
def test_every_text_of_a_ledger_stays_what_it_is(text: str) -> None:
    assert str(notes.from_ledger(text)) == text


def test_no_text_is_no_note() -> None:
    assert notes.from_ledger(None) is None


@pytest.mark.parametrize("text", ["1 rows are kept that the vendor no longer lists", f"1,234,567{KEPT}"])
def test_what_the_ledgers_of_every_version_hold_is_understood(text: str) -> None:
    """A wording that was once released stays in this test, even if the sentence changes."""
    note = notes.from_ledger(text)
    assert note is not None
    assert note.kind is NoteKind.VANISHED


@pytest.mark.parametrize("kind", NoteKind)
def test_what_stays_true_is_recognized_by_its_kind(kind: NoteKind) -> None:
    note = Note(kind, (1,) * FIGURES[kind] if kind is not NoteKind.WORDS else (f"3{KEPT}",))
    assert notes.still_true(day(note=note)) == (note if kind is NoteKind.VANISHED else None)


def test_of_no_note_nothing_stays_true() -> None:
    assert notes.still_true(day()) is None


@pytest.mark.parametrize(
    ("note", "text"),
    [
        (
            notes.on_incomplete(day(reported=1_234, stored=1_000)),
            "234 of 1,234 reported rows did not turn up in several passes",
        ),
        (
            notes.on_incomplete(day(reported=1_000, stored=1_233, repeated=1)),
            "1,234 rows are held, 1,000 are reported, and no pass accounts for them",
        ),
        (notes.on_lost(day()), "It was never answered for before it left the vendor's window"),
        (
            notes.on_lost(day(reported=1, state=State.OPEN)),
            "It was last looked at before its rows were final, and then left the vendor's window",
        ),
        (
            notes.on_lost(day(reported=1, state=State.INCOMPLETE)),
            "It was not complete when it left the vendor's window",
        ),
    ],
)
def test_sentences(note: Note, text: str) -> None:
    assert str(note) == text
