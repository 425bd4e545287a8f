"""Healthy means: truly delivering."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.arxiv.calendar import NEW_YORK, AnnouncementCalendar
from bot.keywords import parse
from bot.model import Channel, Person, Subscription
from bot.model.views import ChannelView, OpenPost, PlatformRefusal, RunView, StateView
from bot.monitoring.health import HealthReport

NOW = datetime(2026, 3, 4, 13, tzinfo=UTC)  # a Wednesday; arXiv announced ten hours ago
KEYWORD = Subscription("console:", parse("reward model"), Person("Ada"), NOW, NOW)
CHANNEL = ChannelView(Channel("console:"), (KEYWORD,), 0, 0, (), NOW, "", "", None, None)
RUN = RunView(NOW, NOW, NOW, True, 1, 60, 2, 2, 2, 0, (), "", None, 0)


def eastern(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(UTC)


def health_report(
    now: datetime = NOW,
    complete: datetime | None = NOW - timedelta(hours=5),
    channel: ChannelView = CHANNEL,
    *,
    started: datetime | None = None,
    disconnected: Mapping[str, datetime | None] | None = None,
    refusals: tuple[PlatformRefusal, ...] = (),
    shards: Mapping[int, datetime | None] | None = None,
    degraded: Mapping[str, str] | None = None,
) -> HealthReport:
    run = None if complete is None else RUN._replace(started_at=complete)
    state = StateView(run, run, 60, (channel,), refusals=refusals)
    return HealthReport(
        state,
        now,
        AnnouncementCalendar(),
        started,
        disconnected or {},
        {"discord": shards} if shards else {},
        degraded or {},
    )


def test_a_service_that_does_nothing_is_not_well() -> None:
    idle = replace(health_report(), stuck_for=timedelta(minutes=7))
    assert idle.problems() == ("The service has done nothing for 7 minutes. Restart it.",)
    assert replace(idle, stuck_for=timedelta(seconds=20)).problems() == ()


def test_a_run_of_the_future_says_nothing_of_what_was_announced() -> None:
    [problem] = health_report(complete=NOW + timedelta(days=40)).problems()
    assert "no complete answer since" in problem


def post(age: timedelta, state: str = "queued") -> OpenPost:
    return OpenPost("key", state, 1, NOW - age, NOW, 2, "")


def test_a_bot_that_collects_and_delivers_is_healthy() -> None:
    assert health_report(disconnected={"slack": None}).problems() == ()


@pytest.mark.parametrize(
    ("now", "complete", "well"),
    [
        ("2026-03-04T11:00", "2026-03-02T23:00", True),  # Tuesday's may still be late
        ("2026-03-04T12:01", "2026-03-02T23:00", False),  # no longer
        ("2026-03-04T12:01", "2026-03-03T23:00", True),
        ("2026-03-08T19:00", "2026-03-05T23:00", True),  # a weekend is no reason to worry
        ("2026-03-09T11:00", "2026-03-05T23:00", True),
        ("2026-03-09T12:01", "2026-03-05T23:00", False),
        ("2026-06-22T19:00", "2026-06-18T23:00", True),  # nor is a long one with a holiday
    ],
)
def test_no_whole_answer_since_an_announcement_is_a_problem(
    now: str, complete: str, well: bool
) -> None:
    problems = health_report(eastern(now), eastern(complete)).problems()
    assert (problems == ()) is well
    if not well:
        assert "no complete answer since" in problems[0]


def test_arxiv_that_never_answered_is_a_problem_but_not_at_once_and_not_for_nobody() -> None:
    assert "never given" in health_report(complete=None).problems()[0]
    assert health_report(complete=None, started=NOW - timedelta(minutes=29)).problems() == ()
    assert health_report(complete=None, started=NOW - timedelta(minutes=31)).problems() != ()
    assert health_report(complete=None, channel=CHANNEL._replace(subscriptions=())).problems() == ()


@pytest.mark.parametrize("state", ["queued", "sending", "unknown"])
def test_a_post_that_waits_for_hours_is_a_problem(state: str) -> None:
    young = CHANNEL._replace(posts=(post(timedelta(hours=1), state),))
    old = CHANNEL._replace(posts=(post(timedelta(hours=3), state), post(timedelta(0))))
    assert health_report(channel=young).problems() == ()
    assert health_report(channel=old).problems() == (
        "The oldest of 2 waiting posts has waited for 3.0 hours.",
    )


@pytest.mark.parametrize("paused", ["person", "refused"])
def test_a_channel_that_is_paused_is_not_unhealthy(paused: str) -> None:
    channel = CHANNEL._replace(posts=(post(timedelta(days=3)),), paused=paused)
    assert health_report(channel=channel).problems() == ()


def test_what_waits_for_a_person_is_not_unhealthy() -> None:
    channel = CHANNEL._replace(posts=(post(timedelta(days=3), "held"),))
    assert health_report(channel=channel).problems() == ()


def test_a_socket_that_is_not_connected_is_a_problem_after_a_while() -> None:
    assert health_report(disconnected={"slack": NOW - timedelta(minutes=9)}).problems() == ()
    [said] = health_report(
        disconnected={"slack": NOW - timedelta(minutes=11), "discord": None}
    ).problems()
    assert said == "slack has not been connected since 2026-03-04 12:49 UTC."


def test_a_platform_that_does_not_let_us_in_is_a_problem() -> None:
    refusal = PlatformRefusal("discord", "The token is wrong.", NOW)
    [said] = health_report(refusals=(refusal,)).problems()
    assert said == "discord does not let the bot in: The token is wrong."


def test_some_shards_that_are_not_connected_are_a_problem_that_names_them() -> None:
    lost: dict[int, datetime | None] = {3: NOW - timedelta(minutes=12)}
    lost[17] = NOW - timedelta(minutes=11)
    shards = {0: None, 1: NOW - timedelta(minutes=9), **lost}
    [said] = health_report(disconnected={"discord": None}, shards=shards).problems()
    assert said == (
        "discord: 2 of 4 shards are not connected (shard 3, 17, since 2026-03-04 12:48 UTC)."
    )
    well = {0: None, 1: NOW - timedelta(minutes=9)}
    assert health_report(disconnected={"discord": None}, shards=well).problems() == ()


def test_what_does_not_work_on_a_platform_that_is_connected_is_a_problem_at_once() -> None:
    said = health_report(degraded={"discord": "The commands are not registered yet.", "slack": ""})
    assert said.problems() == ("discord: The commands are not registered yet.",)
