"""`numbercheck privacy`: what a user types and reads. The fixtures look for whole phone numbers in all output."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from tests.cli.support import NOW, TODAY, Command
from tests.people import KEY, MACS

PHONE, OTHER = "+84 98 765 43 21", "0084-98-765-4322"
DIGITS = ("84987654321", "84987654322")


@pytest.fixture
def people(inside: Command) -> Command:
    """A database with the two batches, and two numbers that it holds."""
    inside.secrets.append(KEY)
    inside.environment["NUMBERCHECK_PRIVACY_KEY"] = KEY
    inside.sync()
    phones = [str(phone) for (phone,) in inside.query("SELECT phone FROM v_number_check ORDER BY phone LIMIT 2")]
    (inside.directory / "numbers.txt").write_text("\n".join(f"+{phone[:2]} {phone[2:]}" for phone in phones))
    return inside


def test_find_then_erase_then_find_nothing(people: Command) -> None:
    found = people("privacy", "find", "numbers.txt", "--json").json
    assert (found["numbers"], {place["line"] for place in found["places"]}) == (2, {1, 2})
    assert "2 of 2 numbers found" in people("privacy", "find", "numbers.txt").out
    erased = people("privacy", "erase", "numbers.txt", "--json", "--reason", f"asked for {DIGITS[0]}").json
    assert (erased["numbers"], erased["bad_lines"], erased["exit_code"]) == (2, [], 0)
    assert erased["rows"]["default"] >= 2
    assert people("privacy", "find", "numbers.txt", "--json").json["places"] == []
    assert "0 of 2 numbers found" in people("privacy", "find", "numbers.txt").out
    [line] = people("privacy", "log", "--json").json["actions"]
    assert (line["action"], line["account"], line["phones"]) == ("erase", "default", 2)
    assert DIGITS[0] not in line["reason"]
    assert "erase" in people("privacy", "log").out


def test_a_reading_in_full_brings_nothing_back(people: Command) -> None:
    people("privacy", "erase", "numbers.txt", "--block")
    result = people.sync("--full").result
    assert (result["rows"]["inserted"], result["rows"]["updated"], result["status"]) == (0, 0, "complete")
    covered = people.query("SELECT sum(erased_rows) AS erased FROM v_coverage")
    assert covered[0][0] >= 2


def test_a_number_without_its_country_is_erased_where_the_rows_tell_the_country(people: Command) -> None:
    query = "SELECT phone, national_number FROM v_number_check WHERE national_number IS NOT NULL LIMIT 1"
    [(phone, national)] = people.query(query)
    lines = f"0{national}\n0123456789\n".encode()
    done = people("privacy", "erase", "-", stdin=lines, status=78)
    assert "Erased 1 number:" in done.out
    assert "Line 2 of the input is without a country" in done.messages
    assert (phone,) not in set(map(tuple, people.query("SELECT phone FROM v_number_check")))
    done = people("privacy", "erase", "-", "--json", stdin=b"0123456789", status=78)
    assert (done.json["numbers"], done.json["bad_lines"], done.json["rows"]) == (0, [1], {})


def test_a_line_that_is_no_number_is_named_and_the_rest_is_done(people: Command) -> None:
    lines = f"{PHONE}\nnobody\n\n12\n{OTHER}\n".encode()
    done = people("privacy", "erase", "-", stdin=lines, status=78)
    assert "Erased 2 numbers" in done.out
    assert "Lines 2, 4 of the input are not understood" in done.messages
    assert "nobody" not in done.out + done.err
    done = people("privacy", "erase", "-", "--json", stdin=lines, status=78)
    assert (done.json["bad_lines"], done.json["exit_code"], done.json["numbers"]) == ([2, 4], 78, 2)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"nobody\n", b"\xff\xfe\x00"])
def test_a_file_without_a_number_changes_nothing(people: Command, content: bytes) -> None:
    assert "no number" in people("privacy", "erase", "-", stdin=content, status=78).messages


def test_the_key_is_needed_and_another_one_refused(people: Command) -> None:
    missing = people("privacy", "erase", "numbers.txt", status=78, privacy_key=None)
    assert "NUMBERCHECK_PRIVACY_KEY is not set" in missing.messages
    short = people("privacy", "erase", "numbers.txt", status=78, privacy_key="short")
    assert "at least 32 bytes" in short.messages
    people("privacy", "erase", "numbers.txt")
    other = people("privacy", "erase", "numbers.txt", status=78, privacy_key="x" * 32)
    assert "is not the key" in other.messages
    assert "If it is lost" in other.messages
    for settings in ({"privacy_key": None}, {"privacy_key": "x" * 32}):
        assert "If it is lost" in people.at(NOW, "sync", status=78, **settings).messages


def test_an_account_that_does_not_exist(people: Command) -> None:
    done = people("privacy", "erase", "numbers.txt", "--account", "nobody", status=78)
    assert "no account 'nobody'" in done.messages
    assert people("privacy", "log").out == "Nothing was done yet.\n"


def test_pseudonyms_are_computed_in_order(people: Command) -> None:
    done = people("privacy", "pseudonym", "-", stdin=f"{OTHER}\n{PHONE}\n".encode())
    assert done.out.splitlines() == [MACS.pseudonym(digits) for digits in reversed(DIGITS)]


def test_turning_pseudonyms_on(people: Command) -> None:
    assert "hold clear numbers" in people.at(NOW, "sync", status=78, pseudonyms="true").messages
    assert "holds pseudonyms alone" in people("privacy", "pseudonymise").out
    assert "stored as pseudonyms" in people.at(NOW, "sync", status=78).messages
    assert "stored as pseudonyms" in people("doctor", status=78).out
    assert people.sync("--full", pseudonyms="true").result["rows"]["inserted"] == 0
    assert people("privacy", "pseudonymise", "--json").json["rows"] == 0
    assert people("privacy", "find", "numbers.txt").out.endswith("2 of 2 numbers found, in 2 rows.\n")
    keyless = people("privacy", "find", "numbers.txt", status=78, privacy_key=None)
    assert "NUMBERCHECK_PRIVACY_KEY is not set" in keyless.messages
    people("privacy", "erase", "numbers.txt")
    assert "0 of 2 numbers found" in people("privacy", "find", "numbers.txt").out
    assert people.sync("--full", pseudonyms="true").result["rows"]["inserted"] == 0


def test_codes_go_out_and_come_back(people: Command) -> None:
    people("privacy", "erase", "numbers.txt")
    exported = people("privacy", "export").out
    (people.directory / "erased.jsonl").write_text(exported)
    (people.directory / "numbercheck.db").unlink()
    people.sync()
    assert people("privacy", "find", "numbers.txt", "--json").json["places"] != []
    assert "Erased 2 numbers" in people("privacy", "import", "erased.jsonl").out
    assert people("privacy", "find", "numbers.txt", "--json").json["places"] == []
    broken = exported + '{"account": "nobody"}\nnonsense\n'
    assert people("privacy", "import", "-", "--json", stdin=broken.encode(), status=78).json["bad_lines"] == [6, 7]
    assert "nobody" not in people("accounts", "list").out
    assert "not written by" in people("privacy", "import", "numbers.txt", status=78).messages
    refused = people("privacy", "import", "erased.jsonl", status=78, privacy_key="x" * 32)
    assert "is not the key" in refused.messages


def test_expire_needs_its_setting_and_keeps_the_window(people: Command) -> None:
    assert "NUMBERCHECK_RETENTION_DAYS is not set" in people("privacy", "expire", status=78).messages
    # The commands go by the real date, for which the batch days of these tests are not yet or long gone.
    done = people("privacy", "expire", "--json", retention_days="1").json
    assert done["exit_code"] == 0
    assert dt.date.fromisoformat(done["before"]) <= dt.datetime.now(dt.UTC).date() - dt.timedelta(days=14)


@pytest.mark.parametrize("file", [DIGITS[0], "nothing", "a\0b", "."])
def test_numbers_are_not_taken_from_the_command_line(people: Command, file: str) -> None:
    done = people("privacy", "erase", file, status=78)
    assert "cannot be used" in done.messages
    assert DIGITS[0] not in done.out + done.err


def test_today_is_covered(people: Command) -> None:
    people("privacy", "erase", "numbers.txt")
    [until] = people.query("SELECT DISTINCT until_date FROM erased_phone")[0]
    assert str(until) > str(TODAY)


def test_a_restored_database_may_not_know_an_account_yet(people: Command) -> None:
    people("privacy", "erase", "numbers.txt")
    lines = people("privacy", "export").out.replace('"default"', '"younger"')
    erased = people("privacy", "import", "-", "--json", stdin=lines.encode()).json
    assert erased["rows"] == {"younger": 0}
    assert "younger" in people("accounts", "list").out
    assert people("privacy", "export").out.count('"younger"') == lines.count('"younger"') == 4


@pytest.mark.parametrize("digits", ["0", "-3", "16", "1e400", '"x"', "10" * 30])
def test_a_code_of_a_length_that_no_number_has_is_not_understood(people: Command, digits: str) -> None:
    people("privacy", "erase", "numbers.txt")
    head, first, *_ = people("privacy", "export").out.splitlines()
    entry = json.loads(first)
    lines = f"{head}\n{first.replace(str(entry['digits']), digits, 1)}\n"
    assert people("privacy", "import", "-", "--json", stdin=lines.encode(), status=78).json["bad_lines"] == [2]


def test_what_is_archived_is_in_the_lake_and_said_to_be_there(people: Command) -> None:
    assert "archived" not in people("privacy", "find", "numbers.txt").messages
    # The commands go by the real date: of what is long gone, expire has something to say as well.
    people.query("UPDATE batch_day SET archived_at = '2020-01-01', check_date = date(check_date, '-3 years')")
    dates = people.query("SELECT count(DISTINCT check_date) FROM v_coverage")[0][0]
    said = f"The rows of {dates} dates are archived, in the lake alone: "
    assert f"{said}they were not looked through" in people("privacy", "find", "numbers.txt").messages
    lines = {
        ("erase", "numbers.txt"): "`numbercheck lake export` erases these numbers there",
        ("expire",): "`numbercheck lake export` takes them from it",
        ("pseudonymise",): "`numbercheck lake export` replaces the numbers there",
    }
    for words, what in lines.items():
        done = people("privacy", *words, "--json", retention_days="1")
        assert f"{said}{what}" in done.messages
        assert done.json["exit_code"] == 0
