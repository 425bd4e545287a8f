"""Ask arXiv until it answers, within bounds: what to repeat, when, and when to leave it alone.

A fault that may pass is asked again twice, with growing delays. Where arXiv wants us to slow down,
one trial follows if the wait is short; after that it is left alone, by all processes, for minutes
to hours. Does not look at which papers came.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from bot.arxiv.http import Question, Silence, Wire
from bot.arxiv.rate_limit import LOCK_TIMEOUT, Permit, RateLimiter
from bot.arxiv.responses import Answer, Failed, Moved, Throttled, Usable, Verdict, judge
from bot.errors import SourceDown, SourceGarbled, SourceThrottled
from bot.ports import Clock

log = logging.getLogger(__name__)

# All in intervals, so that a stand-in which allows quick requests is also retried quickly. The
# seconds are for arXiv's interval of 3.
_BACKOFF: Final = (2.0, 6.0)  # 6 s, 18 s
_SLOW_DOWN: Final = 10.0  # 30 s, or what Retry-After asks for if that is more
_PATIENCE: Final = 40.0  # 120 s: a longer wait is left to the next run
# Delays are longer by chance, so that many bots do not come back at once, and never shorter.
_SPREAD: Final = (1.02, 1.25)
_MOST_MOVES: Final = 3

T = TypeVar("T")
Q = TypeVar("Q", bound=Question)
Q_contra = TypeVar("Q_contra", bound=Question, contravariant=True)


class Look(Protocol[T, Q_contra]):
    """Judges what was read from an answer; ``None`` means: not with this status."""

    def __call__(self, read: T, answer: Answer[T], asked: Q_contra, /) -> Verdict[T] | None: ...


@dataclass(slots=True)
class Run:
    """What one call of the source has cost so far. Only one trial is made in a run.

    ``lock_timeout`` is for how many seconds it may wait for other processes that ask arXiv.
    """

    requests: int = 0
    trial_left: bool = True
    lock_timeout: float = LOCK_TIMEOUT


@dataclass(frozen=True, slots=True)
class _Wait:
    """Ask the same again after so many seconds."""

    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What is one for all services of arXiv. ``interval`` is in seconds; ``progress`` hears a few
    words about each request and each longer wait."""

    rate_limiter: RateLimiter
    interval: float
    clock: Clock
    rng: random.Random
    progress: Callable[[str], None] | None = None


class Asker(Generic[T, Q]):
    """Asks one service of arXiv one question at a time, politely.

    ``key`` of bot.toml holds the service's address. Where ``silence`` means that arXiv wants to be
    left alone, it is left alone for it; else whoever asks may turn to another service at once.
    """

    def __init__(
        self,
        wire: Wire[T, Q],
        look: Look[T, Q],
        rate_limits: RateLimits,
        *,
        key: str,
        silence: bool = True,
    ) -> None:
        self._wire = wire
        self._look = look
        self._key = key
        self._silence = silence
        self._gate = rate_limits.rate_limiter
        self._interval = rate_limits.interval
        self._clock = rate_limits.clock
        self._rng = rate_limits.rng
        self._progress = rate_limits.progress

    async def aclose(self) -> None:
        """Close the connection. It opens again if something is asked."""
        await self._wire.aclose()

    async def ask(self, request: Q, run: Run) -> T:
        """What was read from the answer, which may be that arXiv does not understand the request.

        Raises SourceThrottled, also without a request while arXiv is left alone; SourceDown; and
        SourceGarbled, as ShortAnswer if papers are missing on the page.
        """
        target, post = "", False
        failures = moves = 0
        while True:
            last = failures == len(_BACKOFF)
            verdict = await self._once(request, run, target, post, last)
            match verdict:
                case Usable(read):
                    return read
                case _Wait(seconds, reason):
                    await self._wait(seconds, reason)
                case Moved(location):
                    moves += 1
                    if moves > _MOST_MOVES:
                        raise SourceGarbled("arXiv sends us from one address to the next.")
                    target = self._wire.follow(location, target)
                case Failed(error, again, by_post):
                    if last or not again:
                        raise error
                    await self._wait(self._backoff(failures), str(error))
                    failures += 1
                    post = post or by_post

    async def _once(
        self, request: Q, run: Run, target: str, post: bool, last: bool
    ) -> Usable[T] | _Wait | Moved | Failed:
        async with self._gate.permit(run.lock_timeout) as permit:
            run.requests += 1
            self._say(f"asking arXiv, request {run.requests}")
            try:
                answer = await self._wire.exchange(request, target, post)
            except SourceDown as error:
                if isinstance(error, Silence) and not self._silence:
                    return Failed(error, again=False)
                if last and isinstance(error, Silence):
                    permit.record_refusal(str(error))
                return Failed(error)
            verdict = judge(
                answer,
                self._clock.now(),
                lambda read, answer: self._look(read, answer, request),
                self._key,
            )
            if isinstance(verdict, Throttled):
                return self._slow_down(verdict, permit, run, answer.sample)
            if isinstance(verdict, Usable):
                permit.record_success()
            return verdict

    def _slow_down(self, verdict: Throttled, permit: Permit, run: Run, sample: bytes) -> _Wait:
        seconds = max(verdict.retry_after, _SLOW_DOWN * self._interval)
        # After an earlier refusal this request was the trial already.
        if run.trial_left and permit.refusals == 0 and seconds <= _PATIENCE * self._interval:
            run.trial_left = False
            permit.hold(seconds, verdict.reason)
            return _Wait(seconds, verdict.reason)
        until = permit.record_refusal(verdict.reason, verdict.retry_after)
        raise SourceThrottled(
            f"arXiv asks us to slow down; it is left alone until {until:%Y-%m-%d %H:%M} UTC."
            f" {verdict.reason}",
            until=until,
            sample=sample,
        )

    def _backoff(self, failures: int) -> float:
        return self._interval * _BACKOFF[failures]

    async def _wait(self, seconds: float, reason: str) -> None:
        seconds *= self._rng.uniform(*_SPREAD)
        log.info("Waiting %.0f s before asking arXiv again: %s", seconds, reason)
        self._say(f"waiting {seconds:.0f} s: {reason}")
        if seconds > 0:
            await self._clock.sleep(seconds)

    def _say(self, text: str) -> None:
        if self._progress is not None:
            self._progress(text)
