"""What holds for every plan."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from etl.core import planning, worth
from etl.core.batchday import BatchDay, State
from etl.core.planning import Known, Plan, Rules, Selection, Why
from etl.core.window import Window
from tests.core.plans import (
    DAYS,
    LAST,
    at,
    date,
    known_of,
    line,
    pending,
    window,
)

# -- whatever is known -----------------------------------------------------------------------------------------

NAMES = st.sampled_from(["A", "B", "a"])
NUMBERS = st.integers(-3, 17)
MOMENTS = st.floats(-20, 30).map(lambda hours: at(LAST, hours))
LINES = st.builds(line, NAMES, st.none() | NUMBERS, st.none() | st.integers(0, 150), st.none() | st.just("key"))


@st.composite
def ledger_days(draw: st.DrawFn, number: int) -> BatchDay:
    state = draw(st.sampled_from([State.PENDING, State.INCOMPLETE, State.OPEN, State.SETTLED]))
    day = pending(draw(NAMES), number, state=state, spill=draw(st.booleans()))
    if state is not State.PENDING:
        day.reported = draw(st.integers(0, 150))
        day.stored = day.reported if state is not State.INCOMPLETE else draw(st.integers(0, 150))
        day.last_synced_at = day.last_asked_at = draw(MOMENTS)
        day.unresolved = draw(st.integers(0, 2))
        day.next_outcome_at = draw(MOMENTS) if day.unresolved else None
        day.fruitless_runs = draw(st.integers(0, 4))
        day.full_at = draw(st.none() | MOMENTS)
    return day


@st.composite
def knowns(draw: st.DrawFn) -> Known:
    days = {}
    for number in draw(st.lists(NUMBERS, max_size=8)):
        day = draw(ledger_days(number))
        days[day.batch_no, day.date] = day
    counts: dict[dt.date, dict[str, int]] = {}
    for name, number in draw(st.lists(st.tuples(NAMES, NUMBERS), max_size=4)):
        if (name, date(number)) not in days:
            counts.setdefault(date(number), {})[name] = draw(st.integers(0, 150))
    known = known_of(draw(st.lists(LINES, max_size=6)), list(days.values()), counts)
    missed: dict[dt.date, set[str]] = {}
    for name, number in draw(st.lists(st.tuples(NAMES, st.integers(-40, -9)), max_size=4)):
        if (name, date(number)) not in days:
            missed.setdefault(date(number), set()).add(name)
    return dataclasses.replace(known, missed=missed, full_began=draw(st.none() | MOMENTS))


RULES = st.builds(
    Rules,
    spill_days=st.integers(0, 3),
    last_look=st.booleans(),
    selection=st.builds(Selection, full=st.booleans()),
)


def key(day: BatchDay) -> tuple[str, dt.date]:
    return day.batch_no, day.date


def keys(made: Plan) -> tuple[list[Any], set[Any], set[Any]]:
    tasks = [(*key(task.day), task.why, task.requests) for task in made.tasks]
    return tasks, set(map(key, made.settle)), set(map(key, made.lose))


def called_for(known: Known, at: Window, spill_days: int) -> dict[tuple[str, dt.date], bool]:
    """As DESIGN, point 1, says: the batch days that the lists call for, and whether they are spill days."""
    found: dict[tuple[str, dt.date], bool] = {}
    reported = {key(day): day.reported for day in known.days}
    reported |= {(name, when): rows for when, names in known.settled.items() for name, rows in names.items()}
    for each in known.lists.lines:
        for when in at.dates:
            if each.date in (None, when):
                found[each.batch_no, when] = False
    for name, own in {(each.batch_no, each.date) for each in known.lists.lines if each.date is not None}:
        submitted = [
            each.rows
            for each in known.lists.lines
            if (each.batch_no, each.date) == (name, own) and each.rows is not None
        ]
        there = reported.get((name, own))
        for when in (own + n * DAYS for n in range(1, spill_days + 1)):
            if when not in at or at.moment < at.end(when) + at.settle:
                continue
            if not submitted or (there or 0) < sum(submitted):
                found.setdefault((name, when), True)
    return {which: spill for which, spill in found.items() if which not in reported}


@given(knowns(), MOMENTS, RULES)
def test_what_holds_for_every_plan(known: Known, moment: dt.datetime, rules: Rules) -> None:
    now = window(moment)
    made = planning.make(known, now, rules)
    tasks, settle, lose = keys(made)
    asked_for = {task[:2] for task in tasks}
    assert len(asked_for) == len(tasks), "asked for twice"
    assert not asked_for & settle
    assert not asked_for & lose
    assert not settle & lose
    ranks = [
        planning.RANK[task.why][0]
        for task in made.tasks
        if not (rules.selection.full and task.day.state is State.INCOMPLETE)
    ]
    assert ranks == sorted(ranks)
    new = {key(task.day): task.day.spill for task in made.tasks if not task.day.id}
    gone = {key(day) for day in made.lose if not day.id}
    missed = {(name, when) for when, names in known.missed.items() for name in names}
    assert new | dict.fromkeys(gone, False) == called_for(known, now, rules.spill_days) | dict.fromkeys(
        missed, False
    )
    assert all(task.requests >= 1 for task in made.tasks)
    assert made.requests_at_least <= made.requests <= made.requests_at_most
    assert not any(now.is_gone(task.day.date) for task in made.tasks)
    for day in known.days:
        if day.state is State.SETTLED:
            assert key(day) not in settle | lose
        elif key(day) not in asked_for | settle | lose:
            assert not now.is_gone(day.date)
            tired = day.state is State.INCOMPLETE and day.fruitless_runs >= planning.FRUITLESS_RUNS
            assert tired or (day.state is State.OPEN and not planning.wants_look(day, now))
        if key(day) in settle:
            assert day.proven
            assert now.is_over(day.date)
        if key(day) in lose:
            assert now.is_gone(day.date)


@given(knowns(), MOMENTS, RULES, st.randoms(use_true_random=False))
def test_the_order_in_which_things_are_known_does_not_matter(
    known: Known, moment: dt.datetime, rules: Rules, dice: random.Random
) -> None:
    now, first = window(moment), keys(planning.make(known, window(moment), rules))
    lines, days = list(known.lists.lines), list(known.days)
    dice.shuffle(lines)
    dice.shuffle(days)
    again = known_of(lines, days, known.settled)
    again = dataclasses.replace(again, missed=known.missed, full_began=known.full_began)
    assert keys(planning.make(again, now, rules)) == first


@given(knowns(), MOMENTS, RULES, st.sets(NAMES, max_size=2), st.sets(NUMBERS.map(date), max_size=6))
def test_a_narrowed_plan_is_a_part_of_the_whole(
    known: Known, moment: dt.datetime, rules: Rules, names: set[str], dates: set[dt.date]
) -> None:
    narrow = dataclasses.replace(
        rules, selection=Selection(frozenset(names), frozenset(dates), rules.selection.full)
    )
    whole_plan, part = (keys(planning.make(known, window(moment), each)) for each in (rules, narrow))

    def inside(entry: Any) -> bool:
        return (not names or entry[0] in names) and (not dates or entry[1] in dates)

    assert part == (
        [task for task in whole_plan[0] if inside(task)],
        set(filter(inside, whole_plan[1])),
        set(filter(inside, whole_plan[2])),
    )


@given(knowns(), MOMENTS, RULES)
def test_in_full_nothing_is_left_out_that_is_asked_for_otherwise(
    known: Known, moment: dt.datetime, rules: Rules
) -> None:
    some, everything = (
        planning.make(known, window(moment), dataclasses.replace(rules, selection=Selection(full=full)))
        for full in (False, True)
    )
    assert {key(task.day) for task in some.tasks} <= {key(task.day) for task in everything.tasks}
    assert {key(day) for day in some.lose} == {key(day) for day in everything.lose}


@given(knowns(), st.lists(MOMENTS, min_size=2, max_size=2).map(sorted), RULES)
def test_a_verdict_does_not_depend_on_when_somebody_looks(
    known: Known, moments: list[dt.datetime], rules: Rules
) -> None:
    """What is settled or lost at one moment is the same at any later one, if nothing was asked in between."""
    earlier, later = (planning.make(known, window(moment), rules) for moment in moments)
    if rules.selection.full:
        return
    assert {key(day) for day in earlier.settle} <= {key(day) for day in later.settle}
    assert {key(day) for day in earlier.lose if day.id} <= {key(day) for day in later.lose}
    for day in later.lose:
        if day.state is State.OPEN:
            assert not day.all_submitted_there
            assert day.last_synced_at is not None
            assert day.last_synced_at < window().settles(day.date)


@given(knowns(), MOMENTS, RULES)
def test_known_facts_decide_among_those_with_one_deadline(known: Known, moment: dt.datetime, rules: Rules) -> None:
    showed = worth.showing_rows(known.settled, known.days)
    tasks = [
        task
        for task in planning.make(known, window(moment), rules).tasks
        if task.why is not Why.LOOK and not rules.selection.full
    ]
    for first, second in itertools.pairwise(tasks):
        if (first.why, first.day.date) == (second.why, second.day.date):
            assert worth.of(first.day, showed) <= worth.of(second.day, showed)


@given(knowns(), MOMENTS)
def test_a_reading_in_full_goes_through_everything_once(known: Known, moment: dt.datetime) -> None:
    rules, now = Rules(selection=Selection(full=True)), window(moment)
    known, read = dataclasses.replace(known, full_began=moment), set()
    for day in known.days:
        day.full_at = None
    while tasks := [task for task in planning.make(known, now, rules).tasks if task.why is Why.FULL]:
        assert key(tasks[0].day) not in read
        read.add(key(tasks[0].day))
        tasks[0].day.full_at = moment
    assert not planning.left_in_full(known, now, rules)
    assert read == {key(day) for day in known.days if day.date in now and day.state is not State.PENDING}
