"""Batch days that fail one after the other: is it them, or is the endpoint wrong as a whole?

Two in a row are a suspicion. Then batch days from anywhere in the plan are asked, if possible such as the vendor
has answered before, or of other batches: otherwise a few that it cannot answer, and that stand first in every
plan, would keep all others from ever being read. If those fail as well, the endpoint is wrong, and the run ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import sample

from etl.core.batchday import BatchDay
from etl.core.planning import Task
from etl.errors import BatchDayFailed, EndpointWrong, EtlError, TryLater

SUSPICIOUS = 2
IN_A_ROW = 5
"""So many batch days that failed end the run."""
FROM_ELSEWHERE = 2
"""So many of them must have been asked from elsewhere in the plan, where their answers could be their own."""
SEARCHED = 100
"""How many tasks are looked at for the one that tells most."""


class Suspicion:
    """Gives out the tasks of a run in their order, or others where batch days fail, and says when to end.

    `host`: who answers, for the message.
    """

    def __init__(self, host: str, tasks: Sequence[Task]) -> None:
        self._host = host
        self._tasks = list(reversed(tasks))
        self._planned = len(self._tasks)
        self._failures: list[BatchDayFailed] = []
        self._batches: set[str] = set()
        self._elsewhere: set[int] = set()
        self._failed_elsewhere = 0

    def tasks(self) -> Iterator[Task]:
        """The tasks; which one is next is decided when it is asked for."""
        while self._tasks:
            yield self._from_anywhere() if self._is_suspicious() else self._tasks.pop()

    def dispel(self) -> None:
        """The vendor has answered: the endpoint is right, whatever failed before."""
        self._failures.clear()
        self._batches.clear()
        self._failed_elsewhere = 0

    def add(self, day: BatchDay, failure: BatchDayFailed) -> None:
        """A batch day has failed. Raises the error that ends the run, where that was one too many."""
        if failure.cause is None:
            self.dispel()  # it was refused for what it is, so the endpoint works
            return
        self._failures.append(failure)
        self._batches.add(day.batch_no)
        self._failed_elsewhere += day.id in self._elsewhere
        if self._is_proven():
            raise self._verdict()

    def _is_suspicious(self) -> bool:
        return len(self._failures) >= SUSPICIOUS

    def _from_anywhere(self) -> Task:
        # By chance: the same places in every run could be the wrong ones in every run.
        number = len(self._tasks)
        places = sample(range(number), min(number, SEARCHED))
        task = self._tasks.pop(max(places, key=lambda place: self._tells(self._tasks[place].day)))
        self._elsewhere.add(task.day.id)
        return task

    def _tells(self, day: BatchDay) -> tuple[bool, bool, bool]:
        """How much it would tell about the endpoint if this batch day failed as well.

        What was asked in vain before tells least: so each run reaches further, however many fail.
        """
        return day.reported is not None, not day.asked_in_vain, day.batch_no not in self._batches

    def _is_proven(self) -> bool:
        number = len(self._failures)
        if self._tasks:
            return number >= IN_A_ROW and self._failed_elsewhere >= FROM_ELSEWHERE
        return number >= min(IN_A_ROW, max(self._planned, SUSPICIOUS))

    def _verdict(self) -> EtlError:
        number, last = len(self._failures), self._failures[-1]
        causes = {failure.cause for failure in self._failures}
        if last.cause is not None and len(causes) == 1:
            told = f"{number} batch days in a row got no answer from {self._host}"
            if last.cause.answered:
                told = f"{self._host} answered {number} batch days in a row alike"
            return last.cause.ends(f"{told}, so this run stops: {last.problem}", last.remedy)
        told = f"{number} batch days in a row got no answer from {self._host} that can be used, so this run stops"
        only_settings_help = all(cause and cause.ends is EndpointWrong for cause in causes)
        return (EndpointWrong if only_settings_help else TryLater)(f"{told}: {last}")
