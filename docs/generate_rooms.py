"""Draws which room of etl/ imports which other room, from the imports themselves.

`python docs/generate_rooms.py` prints the rooms, what each of them imports, and how many there are. With the path
of another checkout, it prints those of that checkout. `make tables` writes the picture into docs/architecture.md.
A room is a folder of etl/, or a leaf: a module beside the folders.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
Rooms = dict[str, set[str]]
"""Each room, and the rooms that it imports."""


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
    """The rooms by floor: each room is above all that it imports. Raises CycleError if imports form a circle."""
    height: dict[str, int] = {}
    for room in TopologicalSorter(found).static_order():
        height[room] = 1 + max((height[other] for other in found[room]), default=-1)
    return [sorted(room for room in height if height[room] == floor) for floor in range(max(height.values()) + 1)]


def reached(found: Rooms, room: str) -> set[str]:
    """All rooms that a room imports, directly or through others."""
    return found[room].union(*(reached(found, other) for other in found[room]))


def picture(root: Path = ROOT) -> str:
    """The folders as a Mermaid picture. An arrow that follows from other arrows is left out."""
    found = {room: others for room, others in rooms(root).items() if (root / "etl" / room).is_dir()}
    found = {room: others & found.keys() for room, others in found.items()}
    lines = ["```mermaid", "flowchart TB", "    accTitle: Which room of etl/ imports which"]
    for room, others in sorted(found.items()):
        through = {further for other in others for further in reached(found, other)}
        lines += [f"    {room} --> {other}" for other in sorted(others - through)]
    return "\n".join([*lines, "```"])


def draw() -> None:
    """Put the picture into docs/architecture.md, under the heading of the rooms."""
    text = ARCHITECTURE.read_text(encoding="utf-8")
    drawn = re.sub(r"(?<=<!-- rooms -->\n).*?(?=\n<!-- end -->)", picture(), text, flags=re.DOTALL)
    ARCHITECTURE.write_text(drawn, encoding="utf-8")


def main(root: Path) -> None:
    """Print the rooms of a checkout, and count them."""
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
