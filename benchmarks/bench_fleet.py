"""Very many channels, simulated: how long until each has its message of the day.

Nothing is sent: this computes, event by event, when each message leaves, from the platforms' limits
and from compute times that other benchmarks measured. Recording comes first; then channels are
composed one after the other while what is queued is being delivered. A place claims a post (one
claim or outcome at a time in the whole process, as in the database), waits for the platform's next
slot, is answered after ``LATENCY``, and records the outcome.

What it leaves out: refusals, retries, messages longer than one, and other users of the token.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from benchmarks.plots import Line, Panel
from benchmarks.report import Row, table

# Seconds of one core, per channel of ten keywords; matching once for all channels
# (docs/performance.md, "Many channels").
RECORD, COMPOSE, MATCH = 3.9 / 10_000, 25.3 / 10_000, 0.4
SETTLE = 0.0009  # a claim and an outcome, together (the same page, "Delivery")
LATENCY = 0.25  # seconds until a platform answers; an assumption
DISCORD_RATE = 50.0  # requests a second of a bot (docs, topics/rate-limits, 2026-11)
SLACK_RATE = 5.0  # messages a second in a workspace: 300 a minute (hosting.md)
DISCORD_PLACES, SLACK_PLACES = 50, 20  # messages under way at once
DISCORD_SIZES = (1_000, 10_000, 100_000)
WORKSPACES = (1, 10, 100)
CHANNELS_EACH = 1_000


@dataclass(frozen=True, slots=True)
class Fleet:
    """``accounts`` have a limit each, and ``channels`` each; ``places`` are shared by all."""

    accounts: int
    channels: int
    rate: float  # messages a second of an account
    places: int

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
    database = begin  # when it is free
    slots = [begin] * fleet.accounts  # when each account may send next
    # A place is free at a time; it claims then, or settles what was answered.
    events = [(begin, False)] * min(fleet.places, fleet.messages)
    heapq.heapify(events)
    claimed = 0
    last = begin
    while events:
        at, answered = heapq.heappop(events)
        if answered:
            database = max(database, at) + SETTLE / 2
            last = max(last, database)
            at = database
        if claimed == fleet.messages:
            continue
        queued_at = begin + COMPOSE * (claimed + 1)
        database = max(database, at, queued_at) + SETTLE / 2
        account = claimed % fleet.accounts  # servers take turns
        claimed += 1
        sent_at = max(database, slots[account])
        slots[account] = sent_at + 1 / fleet.rate
        heapq.heappush(events, (sent_at + LATENCY, True))
    return last


def discord() -> list[Fleet]:
    return [Fleet(1, size, DISCORD_RATE, DISCORD_PLACES) for size in DISCORD_SIZES]


def slack(*, shared: bool) -> list[Fleet]:
    """With the twenty places of today, ``shared`` by all workspaces, or as many for each."""
    return [
        Fleet(each, CHANNELS_EACH, SLACK_RATE, SLACK_PLACES * (1 if shared else each))
        for each in WORKSPACES
    ]


def run() -> list[Row]:
    found = [
        *((f"Discord, {each.messages:,} channels", each) for each in discord()),
        *((f"Slack, {_slack_name(each)}, twenty places for all", each)
          for each in slack(shared=True)),
        *((f"Slack, {_slack_name(each)}, twenty places for each", each)
          for each in slack(shared=False)),
    ]  # fmt: skip
    return [
        Row(name, f"{simulate(each) / 60:.1f} min", simulate(each) / each.floor, "the limit alone")
        for name, each in found
    ]


def _slack_name(fleet: Fleet) -> str:
    return f"{fleet.accounts} × {fleet.channels:,} channels"


def panels() -> list[Panel]:
    """Minutes by number of channels."""
    many = discord()
    shared, each = slack(shared=True), slack(shared=False)
    return [
        Panel("Discord", "channels", "minutes", [
            _line("Daily Papers, simulated", many, ours=True), _floor(many),
        ]),
        Panel("Slack, workspaces of 1,000 channels", "workspaces", "minutes", [
            _line("Daily Papers, simulated", shared, ours=True, by_account=True),
            _floor(shared, by_account=True),
            _line("with twenty places for each workspace", each, by_account=True),
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
