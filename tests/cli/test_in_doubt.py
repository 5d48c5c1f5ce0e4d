"""What may be missing although it counts as complete, wherever an operator looks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.support import DAY, NOW, TODAY, Command
from tests.report.support import in_file

D = str(TODAY - 3 * DAY)


def doubt(
    batch_no: str, date: str | None, kind: str, reported: int | None, submitted: int | None
) -> dict[str, Any]:
    return {
        "batch_no": batch_no,
        "date": date,
        "kind": kind,
        "reported_rows": reported,
        "submitted_rows": submitted,
    }


@pytest.mark.parametrize(
    "batch_no", ["2.04713775788E+11", '="204713775788"', "'204713775788", "204713775788.0", "4713775788"]
)
def test_a_number_that_a_spreadsheet_changed(inside: Command, batch_no: str) -> None:
    """The vendor knows the right number; the others of the list have twelve digits or are no numbers."""
    for number, right in enumerate(
        ("204713775788", "004713775788", "304713775111", "304713775112", "304713775113")
    ):
        inside.vendor.book.add_generated(right, TODAY - 3 * DAY, 7, seed=number)
    others = [f"30471377511{n},{D}," for n in (1, 2, 3)]
    inside.environment["NUMBERCHECK_METRICS_FILE"] = str(inside.directory / "numbercheck.prom")
    inside.write_list([f"{batch_no},,", *others])
    expected = [doubt(batch_no, None, kind, 0, None) for kind in ("looks_like_spreadsheet", "no_rows")]
    for days in range(4):  # it settles 13 days and more, and goes on being told
        done = inside.sync(moment=NOW + days * DAY)
        assert (done.result["status"], done.result["doubts"]) == ("complete", expected)
    status = inside.at(NOW + 3 * DAY, "status", "--json").json
    assert status["doubts"] == expected
    assert inside.query("SELECT doubt FROM v_batch_summary WHERE batch_no LIKE '%4713775788%'") == [("no_rows",)]
    figures = in_file(inside.directory)
    assert (figures["doubts/no_rows"], figures["doubts/looks_like_spreadsheet"]) == (1, 1)
    for command in ("sync", "status"):
        text = inside.at(NOW + 3 * DAY, command).out
        section = text.split("In doubt, although it counts as complete:")[1]
        assert batch_no in section
        assert "is the batch number right?" in section
        assert "changed by a spreadsheet" in section
    right = "004713775788" if batch_no.startswith("47") else "204713775788"
    inside.write_list([f"{right},,", *others])
    assert inside.sync(moment=NOW + 3 * DAY).result["doubts"] == []
    assert in_file(inside.directory)["doubts/no_rows"] == 0


def test_a_dated_batch_with_fewer_rows_than_submitted(inside: Command) -> None:
    inside.vendor.book.add_generated("part", TODAY - 3 * DAY, 120)
    inside.write_list([f"none,{D},230", f"part,{D},121"])
    expected = [
        doubt("none", D, "fewer_than_submitted", 0, 230),
        doubt("none", D, "no_rows", 0, 230),
        doubt("part", D, "fewer_than_submitted", 120, 121),
    ]
    for days in (0, 1, 10, 20):
        done = inside.sync(moment=NOW + days * DAY)
        assert (done.result["status"], done.result["doubts"]) == ("complete", expected)
        assert inside.at(NOW + days * DAY, "status", "--json").json["doubts"] == expected
    inside("batches", "retire", "none")
    assert inside.sync(moment=NOW + 20 * DAY).result["doubts"] == expected[2:]


def test_a_mistake_in_another_line_takes_no_doubt_away(inside: Command) -> None:
    inside.vendor.book.add_generated("part", TODAY - 3 * DAY, 120)
    lines = [f"none,{D},230", f"part,{D},121"]
    inside.write_list(lines)
    expected = inside.sync().result["doubts"]
    inside.write_list([*lines, "other,2026-03,9"])
    for days in (0, 1):
        done = inside.sync(moment=NOW + days * DAY, status=78)
        assert (len(expected), done.result["doubts"]) == (3, expected)
    counted = inside.query("SELECT submitted_rows FROM v_coverage WHERE submitted_rows IS NOT NULL ORDER BY 1")
    assert counted == [(121,), (230,)]
    inside.write_list([f"none,{D},", f"part,{D},120"])
    assert inside.sync(moment=NOW + DAY).result["doubts"] == [doubt("none", D, "no_rows", 0, None)]


def test_what_may_still_grow_is_in_no_doubt(inside: Command) -> None:
    inside.write_list([f"today,{TODAY},500", "B-new,,"])
    assert inside.sync().result["doubts"] == []
    assert "In doubt" not in inside.at(NOW, "status").out


def test_the_same_round_total_on_several_batch_days(inside: Command) -> None:
    for number in range(3):
        inside.vendor.book.add_generated(f"R{number}", TODAY - 3 * DAY, 1_000, seed=number)
    inside.write_list([f"R0,{D},", f"R1,{D},", f"R2,{D},1000"])
    found = inside.sync().result["doubts"]
    assert found == [doubt(f"R{number}", D, "round_total", 1_000, None) for number in (0, 1)]


@pytest.mark.parametrize("way", ["list", "add", "import", "import -", "plan"])
def test_a_number_is_named_when_a_list_is_read(inside: Command, way: str) -> None:
    line = '"2,047,137",2026-03-09,'
    match way:
        case "add":
            done = inside("batches", "add", "2,047,137", "--date", "2026-03-09")
        case "import":
            (inside.directory / "more.csv").write_text(f"batch_no,date,rows\n{line}\n", encoding="utf-8")
            done = inside("batches", "import", str(inside.directory / "more.csv"))
        case "import -":
            done = inside("batches", "import", "-", stdin=f"batch_no,date,rows\n{line}\n".encode())
        case _:
            inside.write_list([line])
            done = inside.at(NOW, "plan") if way == "plan" else inside.sync()
    [warning] = [record for record in done.log if "spreadsheet" in record["message"]]
    assert (warning["level"], warning["batch"]) == ("WARNING", "2,047,137")
    assert "'2,047,137' looks changed by a spreadsheet (thousands separators)" in warning["message"]


def test_few_are_named_and_the_others_counted(inside: Command) -> None:
    inside.write_list([f"{number}.0,{D}," for number in range(1_000, 1_009)])
    told = [record["message"] for record in inside.at(NOW, "plan").log]
    assert len(told) == 6
    assert told[-1] == "The file of batches: 4 more batch numbers look changed by a spreadsheet"
