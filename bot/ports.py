"""What the core needs from outside, as small protocols.

Implementations need not inherit from them. What a method may raise is part of its contract;
``tests/contract`` tests every implementation against it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Protocol, Self, TypeVar, runtime_checkable

from bot.model import (
    Batch,
    Channel,
    ChannelAgenda,
    ChannelGroup,
    Choice,
    Crosspost,
    Digest,
    Discussion,
    Draft,
    Expected,
    Finding,
    Followed,
    Forgotten,
    Hit,
    Home,
    Interests,
    Keyword,
    Mute,
    Outdated,
    Paper,
    Person,
    Post,
    Prepared,
    Publication,
    Receipt,
    Recorded,
    Reply,
    Run,
    SavedPage,
    SettingValue,
    Subscription,
)
from bot.model.roles import ShardShare
from bot.model.snapshots import Change, Snapshot
from bot.model.views import ChannelPaper, KeywordPapers, Measures, PaperView, StateView
from bot.model.zotero import (
    ZoteroBatch,
    ZoteroConnection,
    ZoteroItem,
    ZoteroLibrary,
    ZoteroResult,
)


class Clock(Protocol):
    """Time. The wall clock may jump either way; the monotonic one only grows."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


Wanted = Callable[[Paper], bool]


class Source(Protocol):
    """Where papers come from. Decides nothing about what matches, is new or is due."""

    async def fetch(
        self,
        keywords: Sequence[Keyword],
        since: datetime,
        checkpoint: str = "",
        wanted: Wanted | None = None,
        posted: Collection[str] = (),
    ) -> Batch:
        """Every paper that may match one of the keywords and is not known from earlier.

        These are the papers submitted at or after ``since``; or, if the batch is not ``chosen``,
        those announced since the answer that returned ``checkpoint`` (empty: there was none),
        whenever they were submitted. The batch may contain papers that match no keyword.

        If a batch is not ``chosen``, only papers for which ``wanted`` is true need to be kept in
        memory; it is called on any thread, one paper at a time. Papers with the ids ``posted`` are
        kept in any case, as ``revised`` if they would not have been otherwise.

        Raises SourceError if there is no usable answer at all; an answer with gaps is a batch that
        is not ``complete``.
        """
        ...

    async def latest(self, keyword: Keyword, limit: int) -> Batch:
        """The newest ``limit`` papers that may match one keyword, newest first, whatever their age.

        ``complete`` means that these really are the newest. Raises SourceError; KeywordRefused if
        the source does not understand the keyword.
        """
        ...

    async def papers(self, paper_ids: Sequence[str]) -> Batch:
        """The papers with these ids, with full metadata; unknown ones are left out.

        Raises SourceError.
        """
        ...

    async def examine(self) -> Sequence[Finding]:
        """Whether the source answers, for ``check``. What is wrong is a finding, not an error."""
        ...


class Composer(Protocol):
    """Turns digests into messages within a platform's limits. Pure: no network, no time.

    One composer serves one publish: it may cache what it rendered of a paper for the next digest
    with that paper, within bounds.
    """

    def compose(self, digest: Digest) -> list[Draft]: ...


class Sender(Protocol):
    """Sends messages to a platform."""

    async def send(self, post: Post) -> Receipt:
        """Send the message, and return once the platform has accepted it.

        Raises SendError; or PlatformRefused, and then it has certainly not arrived.
        """
        ...

    async def find(self, post: Post) -> Receipt | None:
        """The receipt of an earlier attempt that arrived; ``None`` means that certainly none did.

        Raises CannotTell if the platform can't say, TryLater or ChannelRefused if it can't be
        reached now.
        """
        ...


@runtime_checkable
class Crossposter(Protocol):
    """Publishes messages to the servers that follow their channel. Few platforms can."""

    async def crosspost(self, channel: Channel, message_id: str) -> None:
        """Crosspost the message; repeating that is harmless.

        Raises SendError (PostRefused: it can never be done) and PlatformRefused.
        """
        ...


@runtime_checkable
class ThreadOpener(Protocol):
    """Opens threads about papers. Not every platform has threads."""

    def discussion(self, paper: Paper) -> Sequence[Draft]:
        """The messages of a new thread: the one in the channel that begins it, and below that the
        first one in it. The paper is ready to be shown. Pure."""
        ...

    async def thread_exists(self, channel: Channel, opening: Receipt, first: Receipt) -> bool:
        """Whether the thread has not been deleted. One that is archived or locked still exists.

        Raises SendError and PlatformRefused where the platform can't say.
        """
        ...


class Commands(Protocol):
    """What people can say in a chat, the same on every platform.

    There is one method for each command, for input that comes as separate values (the options of a
    slash command, a form), and ``typed`` for input that comes as text (a message, the words of a
    button). ``channel_id`` is the channel in which ``person`` gave the command.

    Everybody in the channel may read; only those who manage it may change anything, or all members
    if the setting ``editors`` says so. A method may take some seconds. It raises UserError with a
    text for the person (NotAllowed if they may not do this), and nothing else.
    """

    async def add(
        self,
        channel_id: str,
        person: Person,
        keyword: str,
        field: str = "",
        categories: Sequence[str] = (),
        name: str = "",
    ) -> Reply:
        """Follow a keyword, given as it was typed or by its handle (``keywords``). From a form,
        ``keyword`` is the phrase, ``field`` (``ti``, ``abs``, ``au``) holds for all of it, and a
        paper has to be in one of the ``categories``. With a ``name`` the keyword is shown under it;
        if it is followed already, it is renamed."""
        ...

    async def remove(self, channel_id: str, person: Person, keywords: Sequence[str]) -> Reply:
        """Stop following a keyword, given in any wording of its meaning or by its handle; or
        several, given by their handles."""
        ...

    async def mute(self, channel_id: str, person: Person, keyword: str) -> Reply:
        """Post no papers that match in the channel, whichever of its keywords they match. The mute
        is given as it was typed or by its handle."""
        ...

    async def unmute(self, channel_id: str, person: Person, keyword: str) -> Reply:
        """End a mute, given in any wording of its meaning or by its handle."""
        ...

    async def muted(self, channel_id: str, person: Person) -> Sequence[Choice]:
        """The channel's mutes with their handles, for completing what somebody types."""
        ...

    async def list_(self, channel_id: str, person: Person, page: int = 1) -> Reply:
        """What the channel follows, and its mutes; a page beyond the last is the last."""
        ...

    async def preview(self, channel_id: str, person: Person, keyword: str) -> Reply:
        """How many papers a day a keyword would bring. Queries the source; saves nothing."""
        ...

    async def why(self, channel_id: str, person: Person, paper_id: str) -> Reply:
        """Why a paper was posted in this channel, or was not. The paper is given by its id or the
        address of its page."""
        ...

    async def save(self, channel_id: str, person: Person, paper_id: str) -> Reply:
        """Save a paper for the channel; if the person has saved it already, take that back."""
        ...

    async def save_all(self, channel_id: str, person: Person, paper_ids: Sequence[str]) -> Reply:
        """Save these papers for the channel; those that are saved already stay saved."""
        ...

    async def saved(
        self,
        channel_id: str,
        person: Person,
        *,
        mine: bool = False,
        words: Sequence[str] = (),
        page: int = 1,
    ) -> Reply:
        """What is saved for the channel, or with ``mine`` what the person saved anywhere, the
        newest first; only papers with all of the ``words``. A page beyond the last is the last."""
        ...

    async def cite(self, channel_id: str, person: Person, paper_id: str) -> Reply:
        """A paper in BibTeX."""
        ...

    async def export(
        self, channel_id: str, person: Person, *, mine: bool = False, kind: str = "bib"
    ) -> Reply:
        """What ``saved`` shows as a file: ``bib``, ``ris`` or ``json`` (CSL-JSON)."""
        ...

    async def discuss(self, channel_id: str, person: Person, paper_id: str) -> Reply:
        """Where the channel's thread about a paper is. If there is none, one is opened, unless
        ``Person.no_thread`` says why that can't be done."""
        ...

    async def zotero(self, channel_id: str, person: Person) -> Reply:
        """Which libraries in Zotero the person's saves and the channel's go to."""
        ...

    async def connect_zotero(
        self,
        channel_id: str,
        person: Person,
        key: str,
        library: str = "",
        *,
        for_channel: bool = False,
    ) -> Reply:
        """Send the person's saves, or the channel's, to a library that this key of theirs may write
        to. If there are several, ``library`` is the name or number of a group. For a form that
        nobody else sees: a key must never be in typed text."""
        ...

    async def disconnect_zotero(
        self, channel_id: str, person: Person, *, for_channel: bool = False
    ) -> Reply:
        """Delete the key, and send nothing more."""
        ...

    async def forget_me(self, person: Person, *, sure: bool = False) -> Reply:
        """Delete what the person saved, their name and their keys. Unless they are ``sure``, ask
        them to confirm that first."""
        ...

    async def status(self, channel_id: str, person: Person) -> Reply:
        """What the channel follows, what waits there and why, and when the source was last
        queried."""
        ...

    async def stats(self, channel_id: str, person: Person) -> Reply:
        """What came to the channel in the last month, by keyword and category."""
        ...

    async def pause(self, channel_id: str, person: Person) -> Reply:
        """Post nothing in the channel until somebody resumes it."""
        ...

    async def resume(self, channel_id: str, person: Person) -> Reply:
        """Post again, no matter who or what had paused the channel."""
        ...

    async def resend(self, channel_id: str, person: Person, key: str) -> Reply:
        """Send a held or dead post of this channel again, named by the start of its key."""
        ...

    async def settings(self, channel_id: str, person: Person) -> Reply:
        """When and how the channel is posted to."""
        ...

    async def settings_in_force(
        self, channel_id: str, person: Person
    ) -> Mapping[str, SettingValue]:
        """The settings by their names, for a form."""
        ...

    async def change_settings(
        self, channel_id: str, person: Person, values: Mapping[str, str]
    ) -> Reply:
        """Change these settings, all or none of them; ``default`` removes the channel's own
        value."""
        ...

    async def invited(self, channel_id: str) -> Reply:
        """What to say to everybody in a channel that the bot was just let into. If the channel had
        refused posts before, they are sent now, unless a person has paused it."""
        ...

    async def help(self, channel_id: str, person: Person) -> Reply:
        """All commands, and how keywords are written."""
        ...

    async def typed(self, channel_id: str, person: Person, text: str) -> Reply:
        """Do what a typed text says (``add reward model``), including synonyms of commands."""
        ...

    def opens_form(self, text: str) -> bool:
        """Whether a text asks to add a keyword without saying which. A platform that has a form
        for that opens it at once; for the others ``typed`` answers with an example. Pure."""
        ...

    def opens_thread(self, text: str) -> bool:
        """Whether a text may open a thread, for a platform on which it takes a request to know
        whether the person may (``Person.no_thread``). Pure."""
        ...

    def opens_key_form(self, text: str) -> str:
        """Whose library a text asks to connect to Zotero, ``person`` or ``channel``; empty where it
        does not. A platform opens its form for that at once. Pure."""
        ...

    async def claim_request(self, request_ids: Sequence[str]) -> bool:
        """Whether a request is new: none of the platform's ids for it was claimed within the last
        day, by any process, before or after a restart. Claims them."""
        ...

    async def archive_channels(self, group: ChannelGroup, reason: str) -> Sequence[str]:
        """Archive channels, because the platform says that the bot was removed from them
        (``PeopleStore``). Returns those that were not archived before. ``reason`` is a sentence for
        whoever hosts the bot."""
        ...

    async def restore_channels(self, group: ChannelGroup) -> Sequence[str]:
        """Restore channels that the bot is back in. Returns those that were archived."""
        ...

    async def keywords(self, channel_id: str, person: Person) -> tuple[Choice, ...]:
        """The channel's keywords, as they were written, each with its handle: a short name that
        every method accepts in its place. For completing what somebody types."""
        ...

    async def matching(self, channel_id: str, person: Person, paper_id: str) -> tuple[str, ...]:
        """The channel's keywords that match a paper, as they were written; empty if the paper is
        not known."""
        ...

    async def abstract(self, paper_id: str) -> Paper:
        """A paper ready to be shown in full, even if it was posted long ago."""
        ...

    async def home(
        self, person: Person, channel_ids: Collection[str] | None = None, page: int = 1
    ) -> Home:
        """A page of the channels that this person is in, each with its state and what the person
        may change there. If the platform can't say which channels these are (``None``): those in
        which the person added keywords, read-only."""
        ...


class Listener(Protocol):
    """Receives people's commands on a platform and answers them."""

    @property
    def disconnected_since(self) -> datetime | None:
        """Since when it has not been connected although it listens; ``None`` if all is well."""
        ...

    @property
    def degraded(self) -> str:
        """What does not work although it listens, in sentences; empty if all is well."""
        ...

    async def listen(self, commands: Commands) -> None:
        """Connect and answer people until cancelled. Raises PlatformDown or PlatformRefused."""
        ...

    async def tell(self, person_id: str, text: str) -> str:
        """Write to one person privately. Returns the channel id of their conversation with the
        bot. Raises SendError or PlatformRefused."""
        ...

    async def knows(self, person_id: str) -> bool:
        """Whether this person is in a server or workspace that the bot is in. Raises SendError or
        PlatformRefused."""
        ...


@runtime_checkable
class Sharded(Protocol):
    """A listener over several connections, each for a part of the platform's servers."""

    @property
    def shards(self) -> Mapping[int, datetime | None]:
        """Since when each of this process's shards has not been connected, ``None`` if it is; empty
        while it does not listen."""
        ...


class Namer(Protocol):
    """Knows what people call a channel."""

    async def channel_name(self, channel_id: str) -> str:
        """The channel's name as people know it (``#papers in Reading Group``); empty if it can't be
        found out. Raises no BotError."""
        ...


class Examiner(Protocol):
    """Checks what a platform needs to work, for ``check``."""

    async def examine(self, channels: Sequence[Channel]) -> Sequence[Finding]:
        """Check token, scopes and each channel's permissions. What is wrong is a finding, not an
        error."""
        ...


class PlatformAdapter(Sender, Listener, Namer, Examiner, Protocol):
    """What the class of an adapter has to implement (``adapters.PLATFORMS``). To be used as an
    asynchronous context manager."""

    @property
    def workers(self) -> int:
        """How many posts may be sent at once with one token (``Channel.account``)."""
        ...

    def composer(self) -> Composer:
        """A new composer, for one publish."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *error: object) -> None: ...


class CollectStore(Protocol):
    """What a collect needs of the store. Every method but ``record`` is one transaction; raises
    StoreError."""

    async def interests(self) -> Interests:
        """Every keyword that is followed, or was until a few days ago, and how far earlier runs
        got."""
        ...

    async def expected(self, canonicals: Sequence[str], since: datetime) -> Expected:
        """The papers submitted since ``since`` that the last complete run had for these
        keywords."""
        ...

    async def metadata_incomplete(self, paper_ids: Sequence[str]) -> frozenset[str]:
        """Those of these papers that are not stored, or only without their full metadata."""
        ...

    async def posted(self, since: datetime) -> Mapping[str, datetime]:
        """The papers that were posted anywhere since then, each with when a run last brought it or
        followed it up."""
        ...

    async def known_papers(self, paper_ids: Sequence[str]) -> Sequence[Paper]:
        """Those of these papers that are stored, as they are stored."""
        ...

    async def record(self, run: Run, *, first_post: int) -> Recorded:
        """Save the papers with their news, put what is new on the ledgers as due, prime new
        keywords, and move the cursor.

        News becomes due in the channels where the paper was posted, in the transaction that updates
        the stored paper; news that is known already changes nothing.

        In several short transactions, between which other work gets its turn. Only the last one
        makes the run count: without it, what is recorded is what an incomplete run would leave.
        """
        ...


class PublishStore(Protocol):
    """What a publish needs of the store. Raises StoreError."""

    async def to_recheck(self) -> Sequence[Channel]:
        """The channels that came back after a pause, or whose settings changed, since they were
        last published to. None that is paused."""
        ...

    async def unchecked(self, platforms: Collection[str]) -> Sequence[str]:
        """The ids of the channels of these platforms that were not published to since the last run.
        None that is paused or archived. In random order, another one in each process."""
        ...

    async def agendas(
        self, channel_ids: Sequence[str], papers: dict[str, Paper] | None = None
    ) -> Sequence[ChannelAgenda]:
        """The agendas of those of these channels in which something is due. Changes nothing, and
        waits for no writer, so an agenda may be outdated when a plan is carried out.

        ``papers`` is a cache by id: papers in it are not read again, and the others are added.
        """
        ...

    async def newest_papers(self, limit: int) -> Sequence[Paper]:
        """The newest of all stored papers, whichever channel they are for."""
        ...

    async def publish(
        self,
        plans: Iterable[tuple[str, Callable[[ChannelAgenda], Publication | None]]],
        at: datetime,
        prepared: Mapping[str, Prepared] | None = None,
        *,
        once_per_run: bool = False,
    ) -> int:
        """Carry out what each channel's plan (pure) decides. Returns how many posts went into the
        outbox.

        Each channel is done as a whole in one transaction, together with a few others, and between
        transactions other work gets its turn. Each channel has one plan; the iterator is advanced,
        and the plans are called, on a thread of the store. If a channel is ``prepared``, its plan
        is called only if its agenda has changed since. A channel that another process is writing to
        is skipped, and stays as it was.

        With ``once_per_run``, channels that were published to since the last run are skipped, and
        channels that are to be rechecked remain so.
        """
        ...


class DeliveryStore(Protocol):
    """The outbox. Every method is one transaction; raises StoreError.

    The outcome of an attempt is recorded only while the claim is this process's own, except that
    the post was sent: that is recorded in any case.
    """

    async def waiting_accounts(self, platform: str) -> Sequence[str]:
        """The accounts (``Channel.account``) with waiting posts, whether one can be claimed or
        not."""
        ...

    async def claim(
        self,
        account: str,
        now: datetime,
        lease_until: datetime,
        deprioritised_channels: Collection[str] = (),
        deprioritised_servers: Collection[str] = (),
    ) -> Post | None:
        """The oldest post of the account that is ready, now leased to the caller; ``None`` if there
        is none.

        One of the servers ``deprioritised_servers`` only if no other server has any, and one of the
        channels ``deprioritised_channels`` only if no other channel has any.
        """
        ...

    async def next_claim(self, platform: str, now: datetime) -> datetime | None:
        """When the next post can be claimed: ``now`` if one can be; ``None`` while none waits for
        time alone."""
        ...

    async def unsettled(self, platform: str, now: datetime) -> Mapping[str, float]:
        """Posts of unknown outcome that must not be searched for yet, and for how many seconds."""
        ...

    async def mark_sent(self, key: str, receipt: Receipt, at: datetime) -> None:
        """Record that the post arrived. If its channel was paused for refusing posts, that ends."""
        ...

    async def requeue(self, key: str, at: datetime, delay: float, error: str) -> None:
        """Record that the post did not arrive; it can be claimed again ``delay`` seconds after
        ``at``."""
        ...

    async def mark_unknown(self, key: str, at: datetime, delay: float, error: str) -> None:
        """Record that the post may have arrived; it can be searched for ``delay`` seconds after
        ``at``."""
        ...

    async def hold_for_review(self, key: str, at: datetime, error: str) -> None:
        """Hold the post, as it can't be found out whether it arrived: nothing more happens to it
        until ``resend``."""
        ...

    async def dead_letter(self, key: str, at: datetime, error: str) -> None:
        """Give up the post, as the platform rejects this very message: nothing more happens to it
        until ``resend``."""
        ...

    async def refuse(
        self, key: str, uncertain: bool, at: datetime, error: str, delay: float
    ) -> bool:
        """Pause the channel, and keep the post. Returns whether this is the first refusal in a row.

        ``delay`` is the first pause in seconds; it doubles with each refusal, up to a day. A
        private conversation is not tried again until its person resumes.
        """
        ...


class CrosspostStore(Protocol):
    """Messages that are to be crossposted. Every method is one transaction; raises StoreError."""

    async def claim_crosspost(
        self, platform: str, now: datetime, lease_until: datetime
    ) -> Crosspost | None:
        """The oldest crosspost that is ready, now leased to the caller; ``None`` if there is
        none."""
        ...

    async def next_crosspost(self, platform: str, now: datetime) -> datetime | None:
        """When the next one can be claimed; ``None`` while there is none."""
        ...

    async def mark_crossposted(self, key: str) -> None: ...

    async def retry_crosspost(self, key: str, not_before: datetime, error: str) -> None: ...

    async def fail_crosspost(self, key: str, error: str) -> None:
        """Give up the crosspost for good."""
        ...


class ZoteroStore(Protocol):
    """Connections to libraries in Zotero, and saved papers on their way there. Every method is one
    transaction; raises StoreError.

    ``owner`` is the person or the channel whose saves they are; items go by their keys. Sending an
    item again is harmless: what is recorded of an attempt counts while the item has that key.
    """

    async def connect_zotero(self, connection: ZoteroConnection, sealed: str, at: datetime) -> None:
        """Make this the owner's connection, in place of an earlier one. ``sealed`` is the key, as
        encrypted by the vault. What is saved and was not sent to this library yet is queued."""
        ...

    async def disconnect_zotero(self, owner: str) -> bool:
        """Delete the connection, its key and what waits; false if there was none. What has arrived
        in the library stays there."""
        ...

    async def zotero_connections(self, *owners: str) -> Sequence[ZoteroConnection]:
        """The connections of these owners, or of all if none is named, sorted by owner."""
        ...

    async def claim_zotero(self, now: datetime, lease_until: datetime) -> ZoteroBatch | None:
        """What has waited longest, with other papers for the same library, now leased to the
        caller. A paper that has failed a few times comes alone. ``None`` if nothing is ready."""
        ...

    async def next_zotero(self, now: datetime) -> datetime | None:
        """When the next batch can be claimed; ``None`` while there is none."""
        ...

    async def mark_zotero_sent(self, owner: str, keys: Collection[str], at: datetime) -> None:
        """Record that these items are in the library."""
        ...

    async def requeue_zotero(
        self, owner: str, keys: Collection[str], not_before: datetime, error: str
    ) -> None:
        """Send these items again at ``not_before``, except those whose paper nobody has saved any
        more."""
        ...

    async def rename_zotero(self, owner: str, keys: Collection[str], at: datetime) -> None:
        """Send these items again under new keys, because other items have these keys."""
        ...

    async def reject_zotero(self, owner: str, key: str, at: datetime, error: str) -> None:
        """Give up an item that Zotero does not accept: nothing more happens to it until its paper
        is saved anew or the owner connects again."""
        ...

    async def pause_zotero(
        self, owner: str, connected_at: datetime, at: datetime, reason: str
    ) -> bool:
        """Send nothing over the connection made at ``connected_at`` until the owner connects again.
        False if it is paused already, or if the owner has connected again meanwhile."""
        ...

    async def hold_zotero(self, until: datetime) -> None:
        """Claim nothing before then: Zotero wants to be left alone."""
        ...

    async def release_zotero(self, now: datetime) -> None:
        """Send again what a process that died was sending. Only for when no other process sends."""
        ...


class Zotero(Protocol):
    """The reference manager at zotero.org. ``key`` is somebody's key for it, and never part of an
    error."""

    async def libraries(self, key: str) -> Sequence[ZoteroLibrary]:
        """The libraries that the key may write to, the person's own first. Raises LibraryRefused if
        Zotero does not know the key, and TryLater."""
        ...

    async def add(self, key: str, library: str, items: Sequence[ZoteroItem]) -> ZoteroResult:
        """Create these items, at most 50. One that is there already stays as it is.

        Raises LibraryRefused if the key may not write there, and TryLater; ServiceBusy if Zotero
        takes no requests for any library. After TryLater some may have been created nevertheless:
        add them again to find out.
        """
        ...


class LeaseStore(Protocol):
    """Leases on roles, for several processes that share a database: one process at a time holds a
    role. A process that serves the database alone holds all of them. Raises StoreError.

    ``bot.model.roles`` names the roles. ``bot.core.leases.Lease`` renews the lease on one, and
    knows for how long it is still safe to act.
    """

    @property
    def process(self) -> str:
        """The name of this process, unlike any other's."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether other processes may serve this database at the same time."""
        ...

    async def acquire_lease(self, role: str, seconds: float) -> int | None:
        """Take or renew the role for so many seconds from the call on, by the clock of the database
        server. Returns its fencing number; ``None`` if another process holds it. Waits for no other
        work of the store."""
        ...

    async def agree_on_settings(self, settings: str) -> str:
        """The settings that all processes which share the database have to use: those of the
        process that started first, or these if no other process holds a role."""
        ...

    async def release_lease(self, role: str) -> None:
        """Let another process have the role at once. Does nothing if this one does not hold it."""
        ...


class PaceStore(LeaseStore, Protocol):
    """When arXiv was last asked, for all processes that share the database. Raises StoreError."""

    async def pace(self) -> str:
        """What ``save_pace`` kept; empty before the first time."""
        ...

    async def save_pace(self, state: str) -> None: ...


class RecoveryStore(Protocol):
    """Repairs after a process that died, a clock that was ahead, or a change of ``bot.toml``.
    Raises StoreError."""

    async def release(self, now: datetime, settling: float, platform: str = "") -> None:
        """Mark what was being sent (on this platform) as of unknown outcome: it can be searched for
        in ``settling`` seconds. To be called once by the process that delivers, before it does."""
        ...

    async def change_posting_days(self, days: str) -> None:
        """Record ``[schedule] days`` of ``bot.toml`` at each start, so that no day counts as missed
        in channels without days of their own just because they were changed."""
        ...

    async def recompute_times(
        self, now: datetime, lease: float, first_pause: float
    ) -> Mapping[str, int]:
        """Shorten every stored time that lies later than its rule can produce now.

        Returns how many were changed, by ``table.column``, without zeros. ``lease`` is the longest
        lease of a post, ``first_pause`` the pause of a channel after its first refusal, both in
        seconds.
        """
        ...


class ReportStore(Protocol):
    """Views of the database that people are shown. They change nothing; each is one consistent
    snapshot. Raises StoreError."""

    async def state(self, *channel_ids: str) -> StateView:
        """What ``status`` shows, with those of these channels that are known; with all channels if
        none is named."""
        ...

    async def paper(self, paper_id: str) -> PaperView:
        """What is known of a paper, in every channel; also if it was never fetched."""
        ...

    async def channels_of_person(self, person_id: str) -> Sequence[str]:
        """The channels that follow something which this person added."""
        ...

    async def first_added_by(self, channel_ids: Sequence[str]) -> Person | None:
        """Who first added a keyword that is followed in one of these channels, or was when it was
        archived; ``None`` if nobody who did can be written to. Private conversations are left out:
        whoever blocks the bot does not want to hear from it."""
        ...

    async def page(
        self, channel_ids: Sequence[str], limit: int, most: int
    ) -> Sequence[KeywordPapers]:
        """Of each keyword that one of these channels follows the newest ``limit`` papers: fewer
        where that would be more than ``most`` in all sections together, but always one. In the
        order of the channels, and of their keywords as ``subscriptions`` has them."""
        ...


class LibraryStore(Protocol):
    """Papers that people save for their channel. Every method is one transaction; raises
    StoreError."""

    async def toggle_save(
        self, channel_id: str, paper: Paper, person: Person, at: datetime
    ) -> bool:
        """Save the paper for the channel, and return true; if the person has saved it already, take
        that back, and return false."""
        ...

    async def save_all(
        self, channel_id: str, papers: Sequence[Paper], person: Person, at: datetime
    ) -> int:
        """Save these papers for the channel. Returns how many the person had not saved there
        before."""
        ...

    async def saved(
        self,
        channel_id: str,
        person_id: str,
        *,
        mine: bool = False,
        words: Sequence[str] = (),
        limit: int,
        offset: int = 0,
    ) -> SavedPage:
        """What is saved for the channel; or, with ``mine``, what the person saved for any. Only
        papers with all of the ``words`` in title, authors, id or year, whatever the case."""
        ...

    async def saved_paper(self, paper_id: str) -> Paper | None:
        """The paper as somebody saved it; ``None`` if nobody has it saved."""
        ...

    async def citation_keys(self, wanted: Mapping[str, str]) -> Mapping[str, str]:
        """A key for each paper id, unlike any other paper's and the same for ever: the wanted one,
        or where another paper has it, the wanted one with letters behind it."""
        ...

    async def forget_person(self, person: Person, at: datetime) -> Forgotten:
        """Delete what the person saved or follows for themselves, and their name and id wherever
        they are kept. What they changed elsewhere stays."""
        ...


class DiscussionStore(Protocol):
    """Threads about papers. Every method is one transaction; raises StoreError."""

    async def open_discussion(
        self,
        channel_id: str,
        paper_id: str,
        drafts: Sequence[tuple[str, Draft]],
        at: datetime,
        *,
        instead_of: str = "",
    ) -> bool:
        """Put the messages of a new thread, with their keys, into the outbox. False, and nothing
        is done: the channel has another thread about the paper than that of the post
        ``instead_of`` (empty: has one)."""
        ...

    async def discussion(self, channel_id: str, paper_id: str) -> Discussion | None:
        """The channel's thread about a paper, ``None`` if there never was one."""
        ...

    async def resend(self, key: str, at: datetime) -> bool:
        """Send a held or dead post again; false if there is none of that key."""
        ...


class PeopleStore(ReportStore, LibraryStore, DiscussionStore, Protocol):
    """What the commands need of the store. Every method is one transaction; raises StoreError."""

    async def follow(
        self,
        channel_id: str,
        keyword: Keyword,
        person: Person,
        at: datetime,
        *,
        check_room: Callable[[int, int], None] | None = None,
        undo: bool = False,
    ) -> Followed | None:
        """Let the channel follow the keyword; ``None`` if it already does, in these words or
        others.

        One that was removed in the last days continues where it ended, and with ``undo`` it is as
        it was, including its position among the others. ``check_room`` gets the number of keywords
        in the channel, and in all channels that are known to be in the person's Discord server or
        workspace (0 if that is not known). If it raises, nothing has changed.
        """
        ...

    async def follow_again(
        self,
        channel_id: str,
        keywords: Sequence[Keyword],
        person: Person,
        at: datetime,
        *,
        check_room: Callable[[int, int], None],
    ) -> Sequence[Keyword]:
        """Undo the removal of these keywords. Returns those that were not followed before. If there
        is no room for all of them, the first ones are followed; if there is for none, raises what
        ``check_room`` raises."""
        ...

    async def narrow(
        self,
        channel_id: str,
        broad: str,
        narrower: Keyword,
        person: Person,
        at: datetime,
        *,
        match: Callable[[Paper], Sequence[Hit]],
    ) -> Keyword | None:
        """Replace the keyword with the canonical form ``broad`` by ``narrower``, which has to match
        only papers that it does. ``narrower`` gets its position and name, and continues where it
        ended: due papers that ``match`` finds stay due.

        Returns the keyword as it is followed now; ``None`` if the channel does not follow
        ``broad``, and then nothing has changed.
        """
        ...

    async def rename(self, channel_id: str, canonical: str, name: str) -> bool:
        """Show the keyword under this name, or without one as it was written. False if the channel
        does not follow it, or shows another of its keywords like that."""
        ...

    async def unfollow(
        self, channel_id: str, canonicals: Iterable[str], at: datetime
    ) -> Collection[str]:
        """Stop following these. Returns which of them the channel followed. Papers that were due
        because of them alone are dropped."""
        ...

    async def subscriptions(self, *channel_ids: str) -> Sequence[Subscription]:
        """The subscriptions of these channels: in the order of bot.toml if the channel is there,
        else as they were added. If no channel is named, those of all but private conversations."""
        ...

    async def mute(
        self,
        channel_id: str,
        keyword: Keyword,
        person: Person,
        at: datetime,
        *,
        check_room: Callable[[int], None] | None = None,
    ) -> bool:
        """Mute the expression in the channel; false if it is muted already. A paper that matches
        when it would be posted never is, not even after ``unmute``. ``check_room`` gets the number
        of the channel's mutes; if it raises, nothing has changed."""
        ...

    async def unmute(self, channel_id: str, canonical: str) -> bool:
        """End a mute; false if there was none."""
        ...

    async def mutes(self, *channel_ids: str) -> Sequence[Mute]:
        """The mutes of these channels, as they were added. If no channel is named, those of all but
        private conversations."""
        ...

    async def channel_papers(
        self, channel_id: str, since: datetime, *, first: bool = False
    ) -> Sequence[ChannelPaper]:
        """The papers that the channel got, waits for, or would have got without a mute since then,
        the newest first; with the first papers of new keywords only if ``first``."""
        ...

    async def owner_of(self, channel_id: str) -> str:
        """The person whose private conversation it is; empty for any other channel."""
        ...

    async def known_keywords(self, channel_id: str = "") -> Sequence[Keyword]:
        """All keywords that any channel follows or mutes, or once did. Of those that are only in
        private conversations, this channel's alone."""
        ...

    async def change_settings(self, channel_id: str, values: Mapping[str, str | None]) -> None:
        """Change these of the channel's own settings, by their names; ``None``: it has none."""
        ...

    async def pause(self, channel_id: str, reason: str, at: datetime) -> bool:
        """Pause the channel for a person; false if a person had paused it before."""
        ...

    async def resume(self, channel_id: str, *, refused_only: bool = False) -> bool:
        """Resume the channel; false if it was not paused, and with ``refused_only`` also if a
        person had paused it."""
        ...

    async def archive_channels(
        self, group: ChannelGroup, reason: str, at: datetime
    ) -> Sequence[str]:
        """Archive channels that the bot was removed from. Returns those that were not archived
        before.

        An archived channel is in no list, limit, run, probe, measure or ``bot.toml``, and nothing
        is sent to it. Its keywords, settings and waiting posts are kept for 30 days. ``follow``
        restores it too, and so does naming it in ``bot.toml``.
        """
        ...

    async def restore_channels(self, group: ChannelGroup, at: datetime) -> Sequence[str]:
        """Restore channels that the bot is back in. Returns those that were archived. Within a week
        of the archiving, what was due or announced since is posted; later their keywords start
        over."""
        ...

    async def claim_request(self, request_ids: Sequence[str], at: datetime) -> bool:
        """Claim a request. Returns whether none of its ids was claimed within the last day."""
        ...


class SessionStore(Protocol):
    """Sessions and shards of a platform that limits how many sessions may begin, such as Discord.
    Counts over all restarts and processes. Raises StoreError.

    ``account`` is the bot account that the sessions belong to, as the platform's adapter names it.
    """

    async def claim_session(
        self,
        account: str,
        bucket: int,
        at: datetime,
        *,
        interval: timedelta,
        hourly: int,
        daily: int,
    ) -> datetime | None:
        """Record that a session begins at ``at``, and return ``None``; or, if none may begin yet,
        record nothing and return when one may.

        Two sessions in the same bucket begin at least ``interval`` apart. In all buckets together,
        at most ``hourly`` begin in an hour, and ``daily`` in a day.
        """
        ...

    async def hold_sessions(self, account: str, at: datetime, seconds: float, reason: str) -> None:
        """Record that no session is to begin for so many seconds after ``at``, and why.
        ``claim_session`` does not check this; ``sessions_held`` tells it."""
        ...

    async def sessions_held(self, account: str, now: datetime) -> tuple[str, datetime] | None:
        """Why no session is to begin now, and when one may; ``None`` if one may."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether other processes may serve this database at the same time."""
        ...

    async def share_shards(self, account: str, count: int, seconds: float) -> ShardShare:
        """Renew this process's leases on shards of the account, and take free shards up to its fair
        part, for so many seconds from the call on, by the clock of the database server.

        There are ``count`` shards, unless other processes hold shards of another total: then theirs
        counts. A process that serves the database alone holds all of them. Waits for no other work
        of the store.
        """
        ...

    async def release_shards(self, account: str, some: Collection[int] | None = None) -> None:
        """Let other processes take these shards at once; with ``None``, all that this process
        holds, and it no longer counts when shards are shared out."""
        ...


class RefusalStore(Protocol):
    """Which platforms do not let the bot in, for ``status``. Raises StoreError."""

    async def record_refusal(self, platform: str, reason: str, at: datetime) -> None: ...

    async def clear_refusal(self, platform: str) -> None:
        """Record that the platform lets the bot in. Does nothing if no refusal is recorded."""
        ...


class ServiceStore(RefusalStore, Protocol):
    """What the service polls every few seconds. Cheap; raises StoreError."""

    async def unprimed(self) -> frozenset[tuple[str, str]]:
        """Channel and canonical keyword of each subscription that has still to be primed."""
        ...

    async def publishable(self) -> Sequence[Channel]:
        """Every channel that is not paused or archived and follows something, or still has papers
        due."""
        ...

    async def to_recheck(self) -> Sequence[Channel]: ...

    async def has_unchecked(self, platforms: Collection[str]) -> bool:
        """Whether a channel of these platforms was not published to since the last run."""
        ...

    async def next_claim(self, platform: str, now: datetime) -> datetime | None: ...

    async def next_crosspost(self, platform: str, now: datetime) -> datetime | None: ...

    def problem(self) -> str:
        """Why nothing more can be recorded in this database, in a sentence; empty if all is well.

        Some microseconds.
        """
        ...


class MonitoringStore(Protocol):
    """What health, metrics and ``check`` show. Raises StoreError."""

    async def state(self, *channel_ids: str) -> StateView: ...

    async def zotero_connections(self, *owners: str) -> Sequence[ZoteroConnection]: ...

    async def measures(self) -> Measures:
        """Sums over everything that was recorded. None of the counters ever goes back."""
        ...

    async def integrity_problems(self) -> tuple[str, ...]:
        """Damage that the database finds in itself, in its own words. Repairs nothing.

        Blocks nobody, and may be cancelled at any time.
        """
        ...


class MaintenanceStore(Protocol):
    """Deleting old data and checking for damage, every night. Raises StoreError."""

    async def outdated(self, now: datetime) -> Outdated:
        """Everything that may be deleted now. Changes nothing."""
        ...

    async def forget(self, what: Outdated, now: datetime) -> None:
        """Delete this in one transaction, except what has come to be needed again since
        ``outdated`` was called."""
        ...

    async def integrity_problems(self) -> tuple[str, ...]: ...


class VaultStore(Protocol):
    """Encrypted secrets, each of a kind and an owner. Every method is one transaction; raises
    StoreError."""

    async def save_secret(self, kind: str, owner: str, sealed: str, at: datetime) -> None:
        """Store the owner's secret of this kind, in place of an earlier one."""
        ...

    async def renew_secret(
        self, kind: str, owner: str, before: str, sealed: str, at: datetime
    ) -> None:
        """Replace the secret if it is still ``before``; if it was replaced or deleted meanwhile, do
        nothing."""
        ...

    async def secret(self, kind: str, owner: str) -> str | None: ...

    async def secret_owners(self, kind: str) -> Sequence[str]:
        """In the order of their ids."""
        ...

    async def delete_secret(self, kind: str, owner: str) -> bool:
        """Delete a secret; false if there was none."""
        ...


class Vault(Protocol):
    """Keeps secrets encrypted, each under a kind and its owner's id, which are part of what is
    encrypted: what was sealed for one can't be opened for another."""

    def seal(self, kind: str, owner: str, text: str) -> str:
        """The text encrypted, as text that is safe in a URL."""
        ...

    def unseal(self, kind: str, owner: str, sealed: str, max_age: timedelta | None = None) -> str:
        """The text that ``seal`` encrypted. Raises SecretUnreadable, also if it was sealed longer
        ago than ``max_age``."""
        ...

    async def keep(self, kind: str, owner: str, text: str) -> None:
        """Store the text encrypted in the database, in place of what was there before. Raises
        StoreError."""
        ...

    async def kept(self, kind: str, owner: str) -> str | None:
        """The stored text; ``None`` if there is none. If an older key had encrypted it, it is
        encrypted anew. Raises StoreError and SecretUnreadable."""
        ...

    async def owners(self, kind: str) -> Sequence[str]:
        """The owners of stored secrets of this kind, readable or not. Raises StoreError."""
        ...

    async def discard(self, kind: str, owner: str) -> bool:
        """Delete a secret; false if there was none. Raises StoreError."""
        ...


class SyncTransaction(Protocol):
    """Who follows what, and what is kept about ``bot.toml``, within one transaction."""

    def current(self) -> Snapshot:
        """Every channel that follows something or has a setting of its own, and is not
        archived."""
        ...

    def apply(self, changes: Sequence[Change], who: str) -> Sequence[Change]:
        """Carry out the changes, and return them without those in private conversations, which only
        their person may change. A change that was made already has no effect. ``who`` is recorded
        as the name of the person who made them."""
        ...

    def arrange(self, channel_id: str, canonicals: Sequence[str]) -> None:
        """Put the channel's keywords into this order; those that are not named come last."""
        ...

    def last_revision(self) -> int:
        """The highest number recorded; 0 if there is none."""
        ...

    def revision(self, number: int) -> bytes | None:
        """What was recorded under this number; ``None``: not known (any more)."""
        ...

    def record_revision(self, number: int, snapshot: bytes) -> None:
        """Keep this revision, and at least the 200 before it."""
        ...

    def state(self, file: str) -> bytes | None:
        """What ``set_state`` kept of this file; ``None`` before the first time."""
        ...

    def set_state(self, file: str, state: bytes) -> None:
        """Keep the state of this file. Deletes the states of files that were not compared for a
        year, except that of ``file_owner``."""
        ...

    def file_owner(self) -> str | None:
        """The file that may remove what the database holds; ``None``: there is none yet."""
        ...

    def set_file_owner(self, file: str) -> None: ...

    def rename_file(self, old: str, new: str) -> None:
        """Keep what is stored about the file ``old`` under the name ``new``, in place of what was
        stored there."""
        ...


class SyncDatabase(Protocol):
    """The database as the synchronisation with ``bot.toml`` needs it. Raises StoreError."""

    def transaction(self) -> AbstractContextManager[SyncTransaction]:
        """One transaction, isolated from all others: commits at the end, rolls back on an error."""
        ...


T = TypeVar("T")


class SyncStore(Protocol):
    """What the synchronisation with ``bot.toml`` needs of the store."""

    async def synchronise(self, work: Callable[[SyncDatabase], T], at: datetime) -> T:
        """Do ``work``, which opens its own transactions, on a thread of the store; its changes are
        made at ``at``. Raises StoreError and whatever ``work`` raises."""
        ...


class Store(
    CollectStore,
    PublishStore,
    DeliveryStore,
    CrosspostStore,
    RecoveryStore,
    PeopleStore,
    SessionStore,
    ServiceStore,
    MonitoringStore,
    MaintenanceStore,
    PaceStore,
    SyncStore,
    VaultStore,
    ZoteroStore,
    Protocol,
):
    """The whole database, as ``bot.store`` opens it for the code that builds the bot."""

    def close(self) -> None:
        """Wait for the transaction that is running, then release everything; not to be used
        again."""
        ...
