"""A clock that a test sets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class HandSet:
    """Stands still until a test moves it on. `step`: how far a look moves it; `looks`: how often it was read."""

    now: float = 0.0
    step: float = 0.0
    looks: int = 0

    def __call__(self) -> float:
        self.looks += 1
        self.now += self.step
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let this much time pass at once."""
        self.now += seconds
