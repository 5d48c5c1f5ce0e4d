"""Which reasons `sync` prints: those that were not logged already, whatever their words."""

from __future__ import annotations

import datetime as dt

import pytest

from etl.cli.sync import tell_reasons
from etl.core.batchday import BatchDay, Note, NoteKind, State
from etl.errors import Misconfigured, TryLater
from etl.run.result import Result
from tests.store.made import window

DATE = dt.date(2026, 3, 1)


def result(*days: BatchDay) -> Result:
    return Result("run", window(), days=list(days))


def test_a_reason_in_the_words_of_a_note_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    same = "These words were used twice."
    ended = result(BatchDay("B1", DATE, state=State.OPEN, note=Note(NoteKind.WORDS, (same,))))
    ended.reasons.append(TryLater(same))
    tell_reasons(ended)
    assert same in capsys.readouterr().err


def test_a_batch_day_that_failed_was_logged_when_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    ended = result(BatchDay("B1", DATE, state=State.OPEN))
    assert ended.exit_code == 0
    ended.failed += 1
    tell_reasons(ended)
    assert capsys.readouterr().err == ""
    assert (ended.exit_code, ended.status) == (75, "incomplete")
    ended.reasons.append(Misconfigured("It is wrong."))
    assert ended.exit_code == 78


def test_each_sentence_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    ended = result()
    ended.reasons += [TryLater("The database is gone."), TryLater("The database is gone.")]
    tell_reasons(ended)
    assert capsys.readouterr().err.count("gone") == 1
