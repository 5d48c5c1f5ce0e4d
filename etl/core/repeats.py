"""Keys that the vendor seems to list more than once: they are asked for one by one (docs/adr/0002)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from etl.core.checkrow import Key
from etl.core.page import Page
from etl.core.steps import Ask, Listed, Step, Steps
from etl.core.sweep import Sweep

MAX_CONFIRMATIONS = 500
"""How many keys are asked for one by one after a pass."""


class Repeats:
    """How often the keys of one batch day are listed, as far as each was asked for by itself."""

    def __init__(self, earlier: Callable[[], Mapping[Key, Listed]]) -> None:
        """`earlier`: what earlier answers showed, from the database."""
        self._earlier = earlier
        self._listed: dict[Key, Listed] = {}

    def take(self, key: Key, page: Page) -> Listed | None:
        """Learn from the answer to a question for a key: how often it is listed. None: the answer does not say."""
        if page.total != page.received or key not in {row.key for row in page.rows}:
            self._listed[key] = Listed(0, 0)
            return None
        self._listed[key] = Listed(page.repeats.get(key, 0), page.conflicts.get(key, 0))
        return self._listed[key]

    def known(self) -> dict[Key, Listed]:
        """The keys asked for in this run and before, and how often each is listed again."""
        return dict(self._earlier()) | self._listed

    def unconfirmed(self, sweep: Sweep) -> dict[Key, int]:
        """Keys seen more often in a pass than confirmed, and by how much."""
        if not sweep.again:
            return {}
        known = self.known()
        more = {key: times - sum(known.get(key, ())) for key, times in sweep.again.items()}
        return {key: times for key, times in more.items() if times > 0}

    def confirm(self, candidates: Mapping[Key, int]) -> Steps:
        """Ask for each of these keys; the first refutation means that rows shifted."""
        keys = list(candidates)[:MAX_CONFIRMATIONS]
        for some in (keys[:1], keys[1:]):
            yield Step(iter([Ask(1, *key) for key in some]), lambda: self._refuted(candidates))
            if self._refuted(candidates):
                return

    def _refuted(self, candidates: Mapping[Key, int]) -> bool:
        return any(sum(self._listed[key]) < times for key, times in candidates.items() if key in self._listed)
