"""Errors are data: a message is made of an error's parts, and its class says what kind of error it is."""

from __future__ import annotations

import copy
import pickle

import pytest

from etl import errors
from etl.errors import BatchDayFailed, CredentialsRefused, EtlError, Misconfigured, TryLater

CLASSES = [found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, EtlError)]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (TryLater("It failed."), "It failed."),
        (Misconfigured("It is wrong.", "correct it."), "It is wrong. Remedy: correct it."),
        (
            Misconfigured("It is wrong.", "correct it.", "The target"),
            "The target: It is wrong. Remedy: correct it.",
        ),
        (Misconfigured("It is wrong.", subject="list.csv"), "list.csv: It is wrong."),
        (
            BatchDayFailed("throttled.", "The next run asks again.", "B1"),
            "B1: throttled. The next run asks again.",
        ),
        (BatchDayFailed("the date is refused.", "", "B1"), "B1: the date is refused."),
        (CredentialsRefused("refused.", "Check it.", "B1"), "B1: refused. Check it."),
    ],
)
def test_a_message_is_made_of_the_parts(error: EtlError, message: str) -> None:
    assert str(error) == message
    assert f"{error}" == message


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_keeps_its_parts(kind: type[EtlError]) -> None:
    error = kind("problem", "remedy", "subject")
    for again in (error, copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301  (our own)
        assert type(again) is kind
        assert (again.problem, again.remedy, again.subject) == ("problem", "remedy", "subject")
        assert (again.exit_status, str(again)) == (kind.exit_status, str(error))
