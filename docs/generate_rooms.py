"""Draws which room of etl/ imports which, from the imports themselves: `make rooms`.

Run as `python docs/generate_rooms.py` it prints the rooms with what each imports, and counts them; with the path
of another checkout, those of that one. A room is a folder of etl/, or a module that lies beside the folders.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
Rooms = dict[str, set[str]]
"""Each room, and those that it imports."""


def imports(file: Path) -> Iterator[str]:
    """The dotted names that a module imports from etl."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "etl":
            yield from (f"etl.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("etl."):
            yield str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("etl."))


def rooms(root: Path = ROOT) -> Rooms:
    """The rooms of the checkout at `root`."""
    found: Rooms = {}
    for file in sorted((root / "etl").rglob("*.py")):
        room = file.relative_to(root / "etl").with_suffix("").parts[0]
        if not room.startswith("__"):
            found.setdefault(room, set()).update(name.split(".")[1] for name in imports(file))
    return {room: others - {room} for room, others in found.items()}


def floors(found: Rooms) -> list[list[str]]:
    """The rooms by floor: each stands above all that it imports. Raises CycleError where they form a circle."""
    height: dict[str, int] = {}
    for room in TopologicalSorter(found).static_order():
        height[room] = 1 + max((height[other] for other in found[room]), default=-1)
    return [sorted(room for room in height if height[room] == floor) for floor in range(max(height.values()) + 1)]


def main(root: Path) -> None:
    found = rooms(root)
    for room, others in sorted(found.items()):
        print(f"{room:16} {' '.join(sorted(others))}")
    arrows = sum(map(len, found.values()))
    try:
        print(f"{len(found)} rooms, {arrows} arrows, {len(floors(found))} floors, no circle")
    except CycleError as circle:
        print(f"{len(found)} rooms, {arrows} arrows, and a circle: {' → '.join(circle.args[1])}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else ROOT)
