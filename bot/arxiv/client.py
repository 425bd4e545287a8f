"""Sends a request to arXiv until it is answered, within bounds: what to repeat, when, and when to
stop.

A fault that may pass is retried twice, with growing delays. Where arXiv wants us to slow down, one
trial follows if the wait is short; after that no process sends anything for minutes to hours. Does
not look at which papers were answered.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final, Generic, NamedTuple, TypeVar

from bot.arxiv.http import ApiRequest, HttpConnection, NoNetwork, ResponseTimeout
from bot.arxiv.rate_limit import LOCK_TIMEOUT_SECONDS, Permit, RateLimiter
from bot.arxiv.responses import Assessment, Check, Failure, Redirect, Throttled, assess
from bot.errors import SourceDown, SourceGarbled, SourceThrottled

log = logging.getLogger(__name__)

# All in intervals, so that a stand-in which allows quick requests is also retried quickly. The
# seconds are for arXiv's interval of 3.
_RETRY_DELAYS: Final = (2.0, 6.0)  # 6 s, 18 s
_TRIAL_DELAY: Final = 10.0  # 30 s, or what Retry-After asks for if that is more
_MAX_TRIAL_DELAY: Final = 40.0  # 120 s: a longer wait is left to the next run
# Delays are longer by chance, so that many bots do not come back at once, and never shorter.
_JITTER: Final = (1.02, 1.25)
_MAX_REDIRECTS: Final = 3

T = TypeVar("T")
Q = TypeVar("Q", bound=ApiRequest)


@dataclass(slots=True)
class CallContext:
    """What one call of the source has cost so far. Only one trial is made in a call.

    ``lock_timeout`` is for how many seconds it may wait for other processes that use arXiv.
    """

    requests: int = 0
    trial_left: bool = True
    lock_timeout: float = LOCK_TIMEOUT_SECONDS


class _Trial(NamedTuple):
    """Send the same request again after so many seconds."""

    seconds: float
    reason: str


class ArxivClient(Generic[T, Q]):
    """Sends requests to one of arXiv's services, one at a time and at arXiv's pace.

    ``check`` says whether a document answers its request. ``config_key`` of bot.toml holds the
    service's address. With ``timeout_is_refusal`` a service that stays silent is left alone like
    one that refuses; else the caller may turn to another service at once. ``progress`` is told in a
    few words of each request and each longer wait; ``request_numbers`` are those of the requests,
    shared by all clients of a source, so that somebody who watches sees one count.
    """

    def __init__(
        self,
        connection: HttpConnection[T, Q],
        check: Check[T, Q],
        rate_limiter: RateLimiter,
        *,
        config_key: str,
        timeout_is_refusal: bool = True,
        progress: Callable[[str], None] | None = None,
        request_numbers: Iterator[int] | None = None,
    ) -> None:
        self._connection = connection
        self._check = check
        self._rate_limiter = rate_limiter
        self._clock = rate_limiter.clock
        self._config_key = config_key
        self._timeout_is_refusal = timeout_is_refusal
        self._progress = progress
        self._request_numbers = request_numbers or count(1)

    async def aclose(self) -> None:
        """Close the connection. The next request opens it again."""
        await self._connection.aclose()

    async def send(self, request: Q, call: CallContext) -> T:
        """The document that answers a request. It may say that arXiv does not understand it.

        Raises SourceThrottled, also without a request while arXiv is left alone; SourceDown;
        SourceNotAsked; and SourceGarbled, as ShortAnswer if papers are missing on the page.
        """
        target, as_post = "", False
        retries = redirects = 0
        while True:
            is_last = retries == len(_RETRY_DELAYS)
            outcome = await self._send_once(request, call, target, as_post, is_last)
            if isinstance(outcome, _Trial):
                await self._wait(outcome.seconds, outcome.reason)
            elif isinstance(outcome, Redirect):
                redirects += 1
                if redirects > _MAX_REDIRECTS:
                    raise SourceGarbled("arXiv sends us from one address to the next.")
                target = self._connection.follow(outcome.location, target)
            elif isinstance(outcome, Failure):
                if is_last or not outcome.is_retryable:
                    raise outcome.error
                delay = _RETRY_DELAYS[retries] * self._rate_limiter.interval
                await self._wait(delay, str(outcome.error))
                retries += 1
                as_post = as_post or outcome.needs_post
            else:
                return outcome

    async def _send_once(
        self, request: Q, call: CallContext, target: str, as_post: bool, is_last: bool
    ) -> T | _Trial | Redirect | Failure:
        async with self._rate_limiter.permit(call.lock_timeout) as permit:
            call.requests += 1
            self._tell(f"querying arXiv, request {next(self._request_numbers)}")
            try:
                response = await self._connection.send(request, target, as_post)
            except ResponseTimeout as error:
                if not self._timeout_is_refusal:
                    return Failure(error, is_retryable=False)
                if is_last:
                    permit.record_refusal(str(error))
                return Failure(error)
            except (SourceDown, NoNetwork) as error:
                return Failure(error)
            outcome: Assessment[T] = assess(
                response, request, self._check, self._clock.now(), self._config_key
            )
            if isinstance(outcome, Throttled):
                return self._slow_down(outcome, permit, call, response.sample)
            if not isinstance(outcome, Redirect | Failure):
                permit.record_success()
            return outcome

    def _slow_down(
        self, throttled: Throttled, permit: Permit, call: CallContext, sample: bytes
    ) -> _Trial:
        """Allow one retry in this call if the wait for it is short. Raises SourceThrottled
        otherwise."""
        interval = self._rate_limiter.interval
        seconds = max(throttled.retry_after, _TRIAL_DELAY * interval)
        # After an earlier refusal this request was the trial already.
        is_first = call.trial_left and permit.refusals == 0
        if is_first and seconds <= _MAX_TRIAL_DELAY * interval:
            call.trial_left = False
            permit.pause(seconds, throttled.reason)
            return _Trial(seconds, throttled.reason)
        until = permit.record_refusal(throttled.reason, throttled.retry_after)
        raise SourceThrottled(
            f"arXiv asks us to slow down; it is left alone until {until:%Y-%m-%d %H:%M} UTC."
            f" {throttled.reason}",
            until=until,
            sample=sample,
        )

    async def _wait(self, seconds: float, reason: str) -> None:
        seconds *= self._rate_limiter.rng.uniform(*_JITTER)
        log.info("Waiting %.0f s before querying arXiv again: %s", seconds, reason)
        self._tell(f"waiting {seconds:.0f} s: {reason}")
        if seconds > 0:
            await self._clock.sleep(seconds)

    def _tell(self, text: str) -> None:
        if self._progress is not None:
            self._progress(text)
