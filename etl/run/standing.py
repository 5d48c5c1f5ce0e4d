"""Where a run stands, for a person who looks on: what is done, what it still takes, what went wrong last."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from etl.core.batchday import BatchDay
from etl.core.planning import Task
from etl.core.reading import Reading
from etl.run.gate import Gate
from etl.vendor.client import Client


class Standing:
    """The figures of a run while it is at work. Another thread may read them, and see some a moment before others.

    `done`, `planned`: batch days. `last`: the batch day of the answer that was stored last. `ending`: nothing more
    is asked for.
    """

    def __init__(self, gate: Gate, client: Client) -> None:
        self.done = self.planned = 0
        self.last: BatchDay | None = None
        self.ending = False
        self._gate = gate
        self._client = client
        self._left: dict[int, int] = {}
        self._begun: set[int] = set()
        self._wanted = 0

    @property
    def requests(self) -> int:
        """Requests sent, every try counted."""
        return self._gate.requests

    @property
    def refused(self) -> str:
        """How the vendor refused or failed a request last, in our words; empty: it has answered all of them."""
        return self._client.refused

    @property
    def pause(self) -> float:
        """Seconds for which no request starts because the vendor asked for fewer; 0: the pace alone counts."""
        return self._gate.pause_left()

    @property
    def ahead(self) -> tuple[int, float]:
        """How many requests the run is still expected to send within its bounds, and how many seconds they take.

        0 seconds where the requests are not paced.
        """
        return self._gate.outlook(self._wanted)

    def plan(self, tasks: Iterable[Task]) -> None:
        """These batch days are to be asked for."""
        self._left = {task.day.id: task.requests for task in tasks}
        self._wanted, self.planned = sum(self._left.values()), len(self._left)

    def answered(self, reading: Reading) -> None:
        """An answer has come. The first one ever for a batch day says how many pages it has."""
        day = self.last = reading.day
        left = before = self._left.get(day.id, 0)
        if reading.first_time and day.id not in self._begun:
            left = day.pages
        self._begun.add(day.id)
        self._left[day.id] = max(0, left - 1)
        self._wanted += self._left[day.id] - before

    def ended(self, tasks: Collection[Task]) -> None:
        """Nothing more is asked for these batch days in this run."""
        self.done += len(tasks)
        for task in tasks:
            self._wanted -= self._left.pop(task.day.id, 0)
            self._begun.discard(task.day.id)
