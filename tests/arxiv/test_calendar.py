"""When arXiv announces, and why some evenings bring nothing (facts of arXiv, 2.1 and 2.2)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from bot import config
from bot.arxiv.calendar import NEW_YORK, AnnouncementCalendar, NoAnnouncement

CALENDAR = AnnouncementCalendar()


def eastern(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(UTC)


def said(moment: datetime) -> str:
    return f"{moment.astimezone(NEW_YORK):%a %Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("evening", "why"),
    [
        ("2026-03-05", None),  # a Thursday
        ("2026-03-06", NoAnnouncement.WEEKEND),
        ("2026-03-07", NoAnnouncement.WEEKEND),
        ("2026-03-08", None),  # a Sunday
        ("2026-01-19", NoAnnouncement.HOLIDAY),  # a Monday
        (
            "2026-06-19",
            NoAnnouncement.HOLIDAY,
        ),  # a Friday in the list, and the Sunday it stands for:
        ("2026-06-20", NoAnnouncement.WEEKEND),
        ("2026-06-21", NoAnnouncement.HOLIDAY),
        ("2026-06-22", None),
        ("2026-12-27", NoAnnouncement.HOLIDAY),
        ("2025-07-06", NoAnnouncement.HOLIDAY),  # a Sunday
        ("2025-07-04", NoAnnouncement.WEEKEND),
        ("2025-06-19", NoAnnouncement.HOLIDAY),
    ],
)
def test_each_evening_without_announcement_has_its_reason(
    evening: str, why: NoAnnouncement | None
) -> None:
    assert CALENDAR.reason_on(date.fromisoformat(evening)) is why


@pytest.mark.parametrize(
    ("now", "latest", "following"),
    [
        ("2026-03-03T19:59", "Mon 2026-03-02 20:00", "Tue 2026-03-03 20:00"),
        ("2026-03-03T20:00", "Tue 2026-03-03 20:00", "Wed 2026-03-04 20:00"),
        ("2026-03-07T12:00", "Thu 2026-03-05 20:00", "Sun 2026-03-08 20:00"),  # clocks spring
        ("2026-11-01T12:00", "Thu 2026-10-29 20:00", "Sun 2026-11-01 20:00"),  # clocks fall back
        ("2026-06-21T21:00", "Thu 2026-06-18 20:00", "Mon 2026-06-22 20:00"),
        ("2026-12-31T21:00", "Wed 2026-12-30 20:00", "Sun 2027-01-03 20:00"),
    ],
)
def test_the_calendar_knows_the_last_and_the_next(now: str, latest: str, following: str) -> None:
    assert said(CALENDAR.latest(eastern(now))) == latest
    assert said(CALENDAR.following(eastern(now))) == following


def test_arxiv_is_asked_hours_after_its_evening_and_never_at_that_minute() -> None:
    fetches = []
    now = eastern("2026-03-02T12:00")
    while now < eastern("2026-03-16T12:00"):
        now = CALENDAR.next_fetch(now)
        fetches.append(said(now))
    assert fetches[:5] == [
        "Mon 2026-03-02 22:45",
        "Tue 2026-03-03 22:45",
        "Wed 2026-03-04 22:45",
        "Thu 2026-03-05 22:45",
        "Sun 2026-03-08 22:45",
    ]
    assert len(fetches) == len(set(fetches)) == 11


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        ("2026-03-03T15:45", "2026-03-04T03:00", True),
        ("2026-03-03T22:44", "2026-03-03T22:45", True),
        ("2026-03-03T22:45", "2026-03-04T22:44", False),
        ("2026-03-03T15:45", "2026-03-03T22:44", False),  # announced, but not indexed yet
        ("2026-03-06T00:00", "2026-03-08T22:44", False),  # a weekend
        ("2026-06-18T23:00", "2026-06-22T22:44", False),  # and a holiday before and after it
    ],
)
def test_an_announcement_comes_between_two_moments_if_it_can_first_be_fetched_between_them(
    begin: str, end: str, expected: bool
) -> None:
    assert CALENDAR.fetchable_between(eastern(begin), eastern(end)) is expected
    unknown = AnnouncementCalendar(binding=False)
    assert not unknown.fetchable_between(eastern(begin), eastern(end))


@pytest.mark.parametrize(
    ("now", "submissions_expected_after"),
    [
        ("2026-03-03T21:00", None),  # not settled yet
        ("2026-03-03T22:45", "Mon 2026-03-02 14:00"),
        ("2026-03-04T11:59", "Mon 2026-03-02 14:00"),
        ("2026-03-04T12:01", None),  # no longer late: it was deferred, and nobody told
        ("2026-03-02T23:00", "Sun 2026-03-01 14:00"),
        ("2026-03-01T23:00", "Thu 2026-02-26 14:00"),
        ("2026-03-07T02:00", None),  # a weekend has nothing to wait for
    ],
)
def test_an_announcement_is_awaited_until_the_next_noon(
    now: str, submissions_expected_after: str | None
) -> None:
    found = CALENDAR.submissions_expected_after(eastern(now))
    assert (None if found is None else said(found)) == submissions_expected_after


def test_a_replacement_of_arxiv_announces_when_it_likes() -> None:
    own = "[arxiv]\n"
    other = '[arxiv]\nurl = "http://127.0.0.1:8000/api/query"\n'
    moment = eastern("2026-03-03T23:00")
    weekend = moment + timedelta(days=4)
    for text, binds in ((own, True), (other, False)):
        calendar = config.check(text, Path("bot.toml")).calendar
        assert (calendar.submissions_expected_after(moment) is not None) is binds
        assert (calendar.reason_before(weekend) is NoAnnouncement.WEEKEND) is binds


def test_a_host_can_add_a_holiday() -> None:
    calendar = config.check("[arxiv]\nholidays = [2027-01-18]\n", Path("bot.toml")).calendar
    assert calendar.reason_on(date(2027, 1, 18)) is NoAnnouncement.HOLIDAY
    assert CALENDAR.reason_on(date(2027, 1, 18)) is None


def test_an_announcement_that_may_still_be_late_is_not_due_yet() -> None:
    friday_noon = datetime(2026, 3, 6, 12, 0, tzinfo=NEW_YORK)
    thursday, wednesday = (datetime(2026, 3, day, 20, 0, tzinfo=NEW_YORK) for day in (5, 4))
    assert CALENDAR.latest_due(friday_noon - timedelta(seconds=1)) == wednesday
    assert CALENDAR.latest_due(friday_noon) == thursday
