"""What the source remembers, and what the numbers of ids tell about what it has not seen."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.arxiv.checkpoint import (
    GIVE_UP_AFTER,
    Checkpoint,
    announced_since,
    assigned_ids,
    is_given_up,
    latest_id,
    month_end_probes,
)
from bot.arxiv.ids import serial_of

TODAY = date(2026, 11, 27)
NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
OLD = ("hep-th/9901001", "math.GT/0309136")


def numbers(month: str, first: int, last: int) -> list[str]:
    """Both ends included."""
    return [f"{month}.{number:05d}" for number in range(first, last + 1)]


# Writing and reading

ids = st.builds(
    "{:02d}{:02d}.{:05d}".format, st.integers(15, 30), st.integers(1, 12), st.integers(1, 99_999)
)
marks = st.builds(
    Checkpoint,
    resume_from=st.none() | st.dates(),
    highest_id=st.just("") | ids,
    counted_id=st.just("") | ids,
    counted_on=st.none() | st.dates(),
    missing=st.dictionaries(ids, st.dates(), max_size=5),
)


@given(marks)
def test_what_was_written_is_read_again(checkpoint: Checkpoint) -> None:
    assert Checkpoint.read(checkpoint.to_json()) == checkpoint


def test_nothing_written_yet_is_the_beginning_and_no_damage(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert Checkpoint.read("") == Checkpoint()
    assert caplog.records == []


WHOLE = {
    "resume_from": "2026-11-26",
    "highest_id": "2611.20000",
    "counted_id": "2611.20100",
    "counted_on": "2026-11-27",
    "missing": {"2611.19999": "2026-11-25"},
}


def test_a_checkpoint_is_written_as_plain_json() -> None:
    checkpoint = Checkpoint(
        resume_from=date(2026, 11, 26),
        highest_id="2611.20000",
        counted_id="2611.20100",
        counted_on=TODAY,
        missing={"2611.19999": date(2026, 11, 25)},
    )
    assert json.loads(checkpoint.to_json()) == WHOLE


@pytest.mark.parametrize(
    "changes",
    [
        {"resume_from": "yesterday"},
        {"resume_from": "2026-02-30"},
        {"resume_from": 20261126},
        {"counted_on": ""},
        {"highest_id": "the newest"},
        {"highest_id": "hep-th/9901001"},  # nothing follows it by number
        {"highest_id": "2611.20000v2"},
        {"highest_id": "arXiv:2611.20000"},
        {"highest_id": " 2611.20000"},
        {"highest_id": "2613.20000"},
        {"highest_id": None},
        {"highest_id": 0},
        {"highest_id": False},
        {"counted_id": []},
        {"counted_id": "2611.2"},
        {"missing": {"": "2026-11-25"}},
        {"missing": {"hep-th/9901001": "2026-11-25"}},
        {"missing": {"2611.19999": None}},
        {"missing": {"2611.19999": "soon"}},
        {"missing": ["2611.19999"]},
        {"missing": ""},
        {"missing": None},
    ],
)
def test_a_damaged_checkpoint_is_reset_and_says_so(
    changes: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    assert Checkpoint.read(json.dumps(WHOLE)) != Checkpoint()
    with caplog.at_level(logging.WARNING):
        assert Checkpoint.read(json.dumps(WHOLE | changes)) == Checkpoint()
    assert "read again" in caplog.text


@pytest.mark.parametrize("name", list(WHOLE))
def test_a_checkpoint_that_lacks_something_is_reset(name: str) -> None:
    assert (
        Checkpoint.read(json.dumps({key: WHOLE[key] for key in WHOLE if key != name}))
        == Checkpoint()
    )


@pytest.mark.parametrize(
    "text",
    ["null", "[]", '"2611.20000"', "{", "\x00", "[" * 100_000, "9" * 5000, "NaN", '"\\ud800"'],
)
def test_what_is_no_checkpoint_at_all_is_reset(text: str) -> None:
    assert Checkpoint.read(text) == Checkpoint()


def test_a_checkpoint_cut_at_any_place_is_reset() -> None:
    text = json.dumps(WHOLE)
    assert {Checkpoint.read(text[:length]).highest_id for length in range(len(text))} == {""}


@given(
    st.fixed_dictionaries(
        dict.fromkeys(
            WHOLE,
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text(max_size=12) | ids,
                lambda inner: st.lists(inner) | st.dictionaries(ids | st.text(max_size=5), inner),
                max_leaves=4,
            ),
        )
    )
)
def test_whatever_is_read_can_be_counted_from(held: dict[str, object]) -> None:
    checkpoint = Checkpoint.read(json.dumps(held))
    assert Checkpoint.read(checkpoint.to_json()) == checkpoint
    assert announced_since(checkpoint.highest_id, []) == set()
    assert month_end_probes(checkpoint.highest_id, []) == []
    assert latest_id(filter(None, [checkpoint.highest_id, checkpoint.counted_id]), NOW) in {
        "",
        checkpoint.highest_id,
        checkpoint.counted_id,
    }
    assert checkpoint.open_missing(TODAY).keys() <= checkpoint.missing.keys()


# Holes


def test_a_missing_number_is_given_up_after_seven_days_but_never_without_looking() -> None:
    checkpoint = Checkpoint(missing={"2611.00007": TODAY})
    kept = [days for days in range(30) if not is_given_up(TODAY, TODAY + days * DAY)]
    assert kept == list(range(GIVE_UP_AFTER.days))
    for days in (6, 7, 90):
        assert checkpoint.open_missing(TODAY + days * DAY) == {"2611.00007": TODAY}


def test_a_missing_number_since_a_day_to_come_ages_from_today_on() -> None:
    """The clock was wrong when it was found, and may have been so by years."""
    checkpoint = Checkpoint(missing={"2611.00007": date(2036, 1, 1)})
    assert checkpoint.open_missing(TODAY) == {"2611.00007": TODAY}


# The highest


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ([], ""),
        (["2611.00002", "2611.00010", "2611.00001"], "2611.00010"),
        (["2610.31000", "2611.00001"], "2611.00001"),
        (["2512.20000", "2601.00001"], "2601.00001"),
        (["2611.99999", "2611.100000"], "2611.100000"),
        (["0912.4999", "1412.9999", "1501.00001"], "1501.00001"),
        ([*OLD, "0704.0001"], "0704.0001"),
        (OLD, ""),
        (["2611.00001", "2612.00001"], "2611.00001"),
        (["2611.00001", "9912.00001", "0601.00001"], "2611.00001"),
        (["2612.00001"], ""),
    ],
)
def test_the_highest_is_what_was_announced_last(listed: Iterable[str], expected: str) -> None:
    assert latest_id(listed, NOW) == expected


@pytest.mark.parametrize(
    ("now", "this", "following"),
    [
        (datetime(2026, 1, 1, 0, 0, tzinfo=UTC), "2601", "2602"),
        (datetime(2026, 1, 31, 23, 59, tzinfo=UTC), "2601", "2602"),
        (datetime(2026, 2, 28, 12, 0, tzinfo=UTC), "2602", "2603"),
        (datetime(2028, 2, 29, 12, 0, tzinfo=UTC), "2802", "2803"),
        (datetime(2026, 8, 31, 12, 0, tzinfo=UTC), "2608", "2609"),
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), "2612", "2701"),
        (datetime(2027, 1, 1, 0, 0, tzinfo=UTC), "2701", "2702"),
    ],
)
def test_an_id_of_a_month_to_come_is_a_mistake_on_every_day_of_this_one(
    now: datetime, this: str, following: str
) -> None:
    assert assigned_ids([f"{following}.00001", f"{this}.00001"], now) == [f"{this}.00001"]


# What was announced


@pytest.mark.parametrize(
    ("known", "listed", "expected"),
    [
        pytest.param("", ["2611.00005"], [], id="nothing is known before a first id"),
        pytest.param("2611.00005", [], [], id="nothing is listed"),
        pytest.param("2611.00005", ["2611.00004", "2611.00005"], [], id="only older ones"),
        pytest.param("2611.00005", ["2611.00006"], ["2611.00006"], id="the next"),
        pytest.param(
            "2611.00005",
            ["2611.00009", "2611.00002"],
            numbers("2611", 6, 9),
            id="with those between",
        ),
        pytest.param(
            "2611.00005",
            ["2611.00007", *OLD, "0912.4999", "1412.9999"],
            ["2611.00006", "2611.00007"],
            id="old papers that are listed again",
        ),
        pytest.param("2611.00005", OLD, [], id="old papers alone"),
        pytest.param(
            "2610.31000",
            ["2611.00003"],
            numbers("2611", 1, 3),
            id="a month turns, and nobody knows how far it went",
        ),
        pytest.param(
            "2610.31000",
            ["2611.00002", "2610.31002"],
            [*numbers("2610", 31001, 31002), *numbers("2611", 1, 2)],
            id="a month turns",
        ),
        pytest.param(
            "2612.20000",
            ["2701.00002", "2612.20001"],
            ["2612.20001", *numbers("2701", 1, 2)],
            id="a year turns",
        ),
        pytest.param(
            "2611.30000",
            ["2701.00001", "2612.00002", "2611.30001"],
            ["2611.30001", *numbers("2612", 1, 2), "2701.00001"],
            id="two months turn",
        ),
        pytest.param(
            "1412.9998",
            ["1501.00002", "1412.9999"],
            ["1412.9999", *numbers("1501", 1, 2)],
            id="from four digits to five",
        ),
        pytest.param(
            "2611.99998",
            ["2611.100001"],
            ["2611.99999", "2611.100000", "2611.100001"],
            id="from five digits to six",
        ),
    ],
)
def test_the_numbers_tell_what_was_announced(
    known: str, listed: Iterable[str], expected: list[str]
) -> None:
    assert announced_since(known, listed) == set(expected)


def test_an_id_of_a_month_to_come_announces_nothing() -> None:
    listed = assigned_ids(["2611.00006", "2701.20000", "9912.00001"], NOW)
    assert announced_since("2611.00005", listed) == {"2611.00006"}


@given(
    st.dictionaries(
        st.sampled_from(["2610", "2611", "2612", "2701", "2702"]), st.integers(1, 60), min_size=1
    ),
    st.data(),
)
def test_whatever_is_not_listed_everything_after_the_known_id_is_known(
    lengths: dict[str, int], data: st.DataObject
) -> None:
    """If of each month the last is listed."""
    given_ids = [each for month in sorted(lengths) for each in numbers(month, 1, lengths[month])]
    known = data.draw(st.sampled_from(given_ids))
    lasts = {each[:4]: each for each in given_ids}.values()
    listed = {*data.draw(st.sets(st.sampled_from(given_ids))), *lasts, *OLD}
    later = [each for each in given_ids if serial_of(each) > serial_of(known)]
    assert announced_since(known, listed) == set(later)


# The ends of months


@pytest.mark.parametrize(
    ("known", "listed", "expected"),
    [
        pytest.param("", [], [], id="nothing is known"),
        pytest.param("2611.00005", [], [], id="nothing is listed"),
        pytest.param("2611.00005", ["2611.00006"], [], id="this month is not over"),
        pytest.param(
            "2610.31000", ["2611.00001"], numbers("2610", 31001, 31040), id="behind the known id"
        ),
        pytest.param(
            "2610.31000",
            ["2611.00001", "2610.31005"],
            numbers("2610", 31006, 31045),
            id="behind the last listed",
        ),
        pytest.param("2612.20000", ["2701.00001"], numbers("2612", 20001, 20040), id="a year"),
        pytest.param(
            "2610.31000",
            ["2612.00001", "2611.30000", *OLD],
            [*numbers("2610", 31001, 31040), *numbers("2611", 30001, 30040)],
            id="two months, and old papers",
        ),
        pytest.param("2611.00005", OLD, [], id="old papers have no month"),
        pytest.param(
            "1412.9990",
            ["1501.00001"],
            [*(f"1412.{number}" for number in range(9991, 10_031))],
            id="four digits",
        ),
        pytest.param(
            "2610.99990",
            ["2611.00001"],
            [*(f"2610.{number}" for number in range(99_991, 100_031))],
            id="six digits",
        ),
    ],
)
def test_forty_numbers_behind_a_month_that_is_over_are_asked_for(
    known: str, listed: Iterable[str], expected: list[str]
) -> None:
    assert month_end_probes(known, listed) == expected
