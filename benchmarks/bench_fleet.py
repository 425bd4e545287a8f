"""Very many channels, simulated: how long until each has its message of the day.

Nothing is sent: this computes, event by event, when each message leaves, from the platforms'
limits and from compute times that other benchmarks measured. Recording comes first; then channels
are composed one after the other, in random order, while what is queued is being delivered. As in
``bot.core.deliver``, a post is claimed for the account with the fewest in flight, as long as that
and all together have a place; it waits for the account's next slot, is answered after ``LATENCY``,
and its outcome is recorded. The database does one claim or outcome at a time.

What it leaves out: refusals, retries, messages longer than one, and other users of the token.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from benchmarks.plots import Line, Panel
from benchmarks.report import Row, table
from bot.core.deliver import MAX_IN_FLIGHT

# Seconds of one core, per channel of ten keywords; matching once for all channels
# (docs/performance.md, "Many channels").
RECORD, COMPOSE, MATCH = 3.9 / 10_000, 25.3 / 10_000, 0.4
SETTLE = 0.0009  # a claim and an outcome, together (the same page, "Delivery")
LATENCY = 0.25  # seconds until a platform answers; an assumption
DISCORD_RATE = 50.0  # requests a second of a bot (docs, topics/rate-limits, 2026-11)
SLACK_RATE = 5.0  # messages a second in a workspace: 300 a minute (hosting.md)
DISCORD_PLACES, SLACK_PLACES = 50, 20  # messages of an account under way at once
DISCORD_SIZES = (1_000, 10_000, 100_000)
WORKSPACES = (1, 10, 100)
CHANNELS_EACH = 1_000


@dataclass(frozen=True, slots=True)
class Fleet:
    """``accounts`` have a limit, and ``channels`` and ``places`` each; ``in_flight`` may be under
    way at once of all."""

    accounts: int
    channels: int
    rate: float  # messages a second of an account
    places: int
    in_flight: int = MAX_IN_FLIGHT

    @property
    def messages(self) -> int:
        return self.accounts * self.channels

    @property
    def floor(self) -> float:
        """Seconds that the platform's limit alone takes."""
        return self.channels / self.rate


@cache
def simulate(fleet: Fleet) -> float:
    """Seconds from arXiv's answer until the last message has arrived."""
    begin = MATCH + RECORD * fleet.messages
    order = [account for account in range(fleet.accounts) for _ in range(fleet.channels)]
    random.Random(1).shuffle(order)
    composed = iter([(begin + COMPOSE * number, of) for number, of in enumerate(order, 1)])
    upcoming = next(composed, None)
    database = last = begin  # when it is free, and when the last message has arrived
    slots = [begin] * fleet.accounts  # when each account may send next
    waiting, flying = [0] * fleet.accounts, [0] * fleet.accounts
    answers: list[tuple[float, int]] = []
    ready: list[tuple[int, int]] = []  # accounts with posts, by how many are in flight
    while upcoming or answers:
        if upcoming and (not answers or upcoming[0] <= answers[0][0]):
            at, account = upcoming
            upcoming = next(composed, None)
            waiting[account] += 1
        else:
            at, account = heapq.heappop(answers)
            last = database = max(database, at) + SETTLE / 2
            at = database
            flying[account] -= 1
        heapq.heappush(ready, (flying[account], account))
        while ready and len(answers) < fleet.in_flight:
            number, account = heapq.heappop(ready)
            if number != flying[account] or not waiting[account] or number >= fleet.places:
                continue  # out of date, or there is nothing to claim, or no place
            waiting[account] -= 1
            flying[account] += 1
            database = max(database, at) + SETTLE / 2
            sent_at = max(database, slots[account])
            slots[account] = sent_at + 1 / fleet.rate
            heapq.heappush(answers, (sent_at + LATENCY, account))
            heapq.heappush(ready, (flying[account], account))
    return last


def discord() -> list[Fleet]:
    return [Fleet(1, size, DISCORD_RATE, DISCORD_PLACES) for size in DISCORD_SIZES]


def slack(places: int = SLACK_PLACES, in_flight: int = MAX_IN_FLIGHT) -> list[Fleet]:
    return [Fleet(each, CHANNELS_EACH, SLACK_RATE, places, in_flight) for each in WORKSPACES]


def run() -> list[Row]:
    found = [
        *((f"Discord, {each.messages:,} channels", each) for each in discord()),
        *((f"Slack, {_slack_name(each)}", each) for each in slack()),
        *((f"Slack, {_slack_name(each)}, if they shared twenty places", each)
          for each in slack(in_flight=SLACK_PLACES)[-1:]),
    ]  # fmt: skip
    return [
        Row(name, f"{simulate(each) / 60:.1f} min", simulate(each) / each.floor, "the limit alone")
        for name, each in found
    ]


def _slack_name(fleet: Fleet) -> str:
    return f"{fleet.accounts} × {fleet.channels:,} channels"


def panels() -> list[Panel]:
    """Minutes by number of channels."""
    many, workspaces, sharing = discord(), slack(), slack(in_flight=SLACK_PLACES)
    return [
        Panel("Discord", "channels", "minutes", [
            _line("Daily Papers, simulated", many, ours=True), _floor(many),
        ]),
        Panel("Slack, workspaces of 1,000 channels", "workspaces", "minutes", [
            _line("Daily Papers, simulated", workspaces, ours=True, by_account=True),
            _floor(workspaces, by_account=True),
            _line("if all shared twenty places", sharing, by_account=True),
        ]),
    ]  # fmt: skip


def _line(
    name: str, fleets: Sequence[Fleet], *, ours: bool = False, by_account: bool = False
) -> Line:
    points = [(_size(each, by_account), simulate(each) / 60) for each in fleets]
    return Line(name, points, ours=ours)


def _floor(fleets: Sequence[Fleet], *, by_account: bool = False) -> Line:
    points = [(_size(each, by_account), each.floor / 60) for each in fleets]
    return Line("the platform's limit alone", points, sure=[False for _ in fleets])


def _size(fleet: Fleet, by_account: bool) -> float:
    return float(fleet.accounts if by_account else fleet.messages)


if __name__ == "__main__":
    table("Very many channels, simulated", run())
