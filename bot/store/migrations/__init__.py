"""The tables, as migrations. Each runs in one transaction, together with the record that it ran.

Until the first release the one migration is edited in place. A released migration is never edited:
a change is then a new one at the end. The schema's version is ``PRAGMA user_version`` in SQLite,
which writes it in the same transaction, and a row of a table in PostgreSQL. A statement ends at a
semicolon that ends a line.

One text serves both engines, with SQLite's types: ``text``, ``integer``, ``real``, ``blob``, and
``integer primary key`` for ids that the database assigns. Truth values are ``boolean``, which
SQLite does not have (see ``for_sqlite``); ``for_postgres`` translates the others.

Times are text in UTC with a fixed width (``2026-11-24T08:00:00.000Z``), so that they sort as they
read. Lists are JSON.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence

from bot.errors import SchemaTooNew

APPLICATION_ID = 0x6461_7079  # "dapy": tells our file from any other SQLite database

_FIRST = """
-- With a rowid: without one SQLite keeps only a quarter of a page of each row, and puts the rest
-- onto overflow pages, so that a paper of 2 kB took 5.6 kB.
create table papers (
  id               text primary key,      -- without version
  version          integer not null,      -- of the text below: the highest we have seen
  serial           integer not null,      -- grows with the announcement
  title            text not null,
  abstract         text not null,
  authors          text not null,         -- JSON
  categories       text not null,         -- JSON, primary first
  primary_category text not null,
  published        text not null,         -- submission of version 1
  updated          text not null,         -- submission of this version
  url              text not null,
  pdf_url          text not null,
  comment          text not null,
  journal_ref      text not null,
  doi              text not null,
  first_seen       text not null,         -- start of the run that brought it
  last_seen        text not null,         -- start of the last run that brought it again
  followed_at      text not null default '' -- start of the last run that only followed it up
) strict;
create index papers_by_published on papers (published);
-- papers without their full metadata: few, and requested again
create index papers_metadata_incomplete on papers (first_seen) where version = 0;

create table keywords (                   -- one row per meaning
  canonical text primary key,
  text      text not null,
  query     text not null,
  clauses   integer not null,
  shared    boolean not null default false -- followed, now or once, elsewhere than in somebody's
                                           -- private conversation; others may only see such ones
) strict, without rowid;

create table hits (                       -- which paper matches which keyword (bot.matching)
  canonical text not null references keywords,
  paper_id  text not null references papers,
  field     text not null,
  primary key (canonical, paper_id)
) strict, without rowid;
create index hits_by_paper on hits (paper_id);

create table channels (
  id        text primary key,
  platform  text not null,
  post_at   text,                         -- null in these four: as bot.toml's [schedule] says
  days      text,
  catch_up  text,
  layout    text,
  editors   text,                         -- null: as is usual on the platform
  updates   text,                         -- which news of posted papers come; null: the status
  "group"   text,                         -- keyword or none; null: none, in a weekly digest keyword
  mention   text,                         -- a role's or user group's id; null: nobody
  mention_gone text not null default '',  -- the one that the last digest could not mention
  announce_changes text,                  -- true or false; null: true
  "order"   text,                         -- of a digest's papers; null: the newest first
  server    text not null default '',     -- the Discord server or Slack workspace it is in, as
                                          -- somebody's command said; empty: not known yet
  posted_in text not null default '',     -- the same, as a post that arrived there said; does not
                                          -- count for the server's limit of keywords
  owner     text not null default '',     -- the person whose private conversation it is; then
                                          -- server is this person, too
  published_until text,                   -- posting time up to which the channel was published to
  rescheduled boolean not null default false, -- its days were changed since then
  most_saved_until text,                  -- the same for the week's most saved papers
  paused    text check (paused in ('person', 'refused')),
  reason    text not null default '',     -- why it is paused, in a sentence
  paused_at text,
  probe_at  text,                         -- when a refused channel is tried again
  probes    integer not null default 0,
  recheck   boolean not null default false, -- it was resumed, or its settings changed, and it was
                                          -- not published to since
  checked_run integer not null default 0, -- the newest run when the channel was last published to,
                                          -- whether anything was due there or not
  archived_at text,                       -- since when the bot is no longer there; null: it is
  archive_reason text not null default ''
) strict, without rowid;
create index channels_to_recheck on channels (id) where recheck;
create index channels_to_check on channels (platform, checked_run)
  where paused is null and archived_at is null;

create table subscriptions (
  channel_id text not null references channels,
  canonical  text not null references keywords,
  text       text not null,               -- as this channel's person wrote it
  name       text not null default '',    -- what it is shown as; empty: its text
  position   integer not null,            -- in the channel: bot.toml's order, or that of adding
  added_by   text not null,
  added_by_id text not null default '',   -- the platform's id of that person, if it has one
  added_at   text not null,
  primed_at  text,                        -- null: its existing papers are not recorded yet
  since      text,                        -- its recorded papers are complete from this submission
                                          -- time on; set before primed_at: it took the place of
                                          -- another keyword, and continues it
  baseline   integer not null default 0,  -- highest serial announced when it was primed
  primary key (channel_id, canonical)
) strict, without rowid;
create index subscriptions_by_keyword on subscriptions (canonical);
-- keywords that were removed recently, as they were: added again, one continues where it ended
create table removed_subscriptions (
  channel_id  text not null references channels,
  canonical   text not null references keywords,
  text        text not null,
  name        text not null default '',
  position    integer not null,
  added_by    text not null,
  added_by_id text not null,
  added_at    text not null,
  primed_at   text,
  since       text,
  baseline    integer not null,
  removed_at  text not null,
  archived    boolean not null default false, -- removed because the channel was archived; comes
                                          -- back with it
  primary key (channel_id, canonical)
) strict, without rowid;
-- for a query that the service makes every two seconds
create index subscriptions_unprimed on subscriptions (channel_id, canonical)
  where primed_at is null;

create table mutes (                      -- papers that match are not posted in the channel
  channel_id text not null references channels,
  canonical  text not null references keywords,
  text       text not null,               -- as this channel's person wrote it
  added_by   text not null,
  added_by_id text not null,
  added_at   text not null,
  primary key (channel_id, canonical)
) strict, without rowid;

create table ledger (                     -- one row per paper and channel, kept for ever: whatever
                                          -- has one is not new there
  channel_id text not null references channels,
  paper_id   text not null references papers,
  state      text not null
             check (state in ('due', 'posted', 'known', 'skipped', 'dropped', 'muted')),
  why        text not null,               -- new or first (bot.model.Why); empty for known
  at         text not null,               -- when it got this state
  post_key   text,
  primary key (channel_id, paper_id)
) strict, without rowid;
create index ledger_due on ledger (channel_id) where state = 'due';
create index ledger_by_paper on ledger (paper_id);
create index ledger_skipped on ledger (channel_id, at) where state = 'skipped';
create index ledger_muted on ledger (channel_id, at) where state = 'muted';

create table news (                       -- what became of posted papers, each change once
  id       integer primary key,
  paper_id text not null references papers,
  kind     text not null,                 -- bot.model.NewsKind
  mark     text not null,                 -- which venue, which version: see bot.model.News
  details  text not null,                 -- JSON: what is shown of it
  at       text not null,                 -- start of the run that found it
  unique (paper_id, kind, mark)
) strict;
create table news_ledger (                -- the same for news: one row per change and channel
  channel_id text not null references channels,
  news_id    integer not null references news,
  state      text not null check (state in ('due', 'posted', 'skipped')),
  at         text not null,               -- when it got this state
  post_key   text,
  primary key (channel_id, news_id)
) strict, without rowid;
create index news_ledger_due on news_ledger (channel_id) where state = 'due';
create index news_ledger_by_news on news_ledger (news_id);

create table outbox (
  seq         integer primary key autoincrement,
  key         text not null unique,
  channel_id  text not null references channels,
  platform    text not null,
  account     text not null,              -- whose rate limits it counts against (Channel.account)
  payload     text not null,              -- the rendered message; every attempt sends these bytes
  papers      integer not null,           -- how many papers it shows
  news        integer not null default 0, -- and how many pieces of news
  most_saved  integer not null default 0, -- 1: of a digest with the week's most saved papers
  parent_key  text references outbox (key),
  state       text not null default 'queued'
              check (state in ('queued', 'sending', 'unknown', 'sent', 'held', 'dead')),
  attempt     integer not null default 0,
  not_before  text not null,
  delay       real not null default 0,    -- seconds between that decision and not_before
  lease_until text,
  claimed_by  text not null default '',   -- the process that sends it, or last did
  after_id    text not null default '',   -- the platform's id of a message that was there before
                                          -- the first attempt: ours can only be newer; empty:
                                          -- none known
  created_at  text not null,
  settled_at  text,
  seconds     real,                       -- from its creation until it was known to have arrived
  message_id  text not null default '',
  message_url text not null default '',
  error       text not null default ''
) strict;
create index outbox_waiting on outbox (platform, account, seq)
  where state in ('queued', 'sending', 'unknown');
create index outbox_in_channel on outbox (channel_id, seq)
  where state in ('queued', 'sending', 'unknown');

-- for the newest message of a platform
create index outbox_newest on outbox (platform, seq) where state = 'sent' and message_id <> '';
-- to find the payloads that may be deleted without reading the others
create index outbox_heavy on outbox (settled_at) where state = 'sent' and payload <> '';
-- for queries about one channel
create index outbox_by_channel on outbox (channel_id, state, settled_at);

create table crossposts (                 -- messages to publish to the servers that follow a
                                          -- channel
  key        text primary key references outbox (key),
  platform   text not null,
  state      text not null default 'pending' check (state in ('pending', 'done', 'failed')),
  attempt    integer not null default 0,
  not_before text not null,
  error      text not null default ''
) strict, without rowid;
create index crossposts_waiting on crossposts (platform) where state = 'pending';

create table saved_papers (               -- papers that people saved, as they were when last saved:
                                          -- the same paper may be deleted from papers
  id               text primary key,
  version          integer not null,
  serial           integer not null,
  title            text not null,
  abstract         text not null,
  authors          text not null,         -- JSON
  categories       text not null,         -- JSON, primary first
  primary_category text not null,
  published        text not null,
  updated          text not null,
  url              text not null,
  pdf_url          text not null,
  comment          text not null,
  journal_ref      text not null,
  doi              text not null,
  words            text not null          -- the text that a search looks in, in lower case
) strict;
create table saves (                      -- who saved which paper for which channel
  channel_id text not null references channels,
  paper_id   text not null references saved_papers,
  person_id  text not null,
  person     text not null,               -- the name that they had then
  saved_at   text not null,
  primary key (channel_id, paper_id, person_id)
) strict, without rowid;
create index saves_by_person on saves (person_id, saved_at);
create index saves_by_paper on saves (paper_id);
create table profiles (                   -- what the papers saved in a channel look like together,
                                          -- where its digest is ordered by them: made from the
                                          -- saves, and made anew wherever it is missing
  channel_id text primary key references channels,
  revision   integer not null,            -- how often the channel's saves have changed
  format     text not null default '',    -- of the data
  made_of    integer not null default 0,  -- the revision whose saves are in the data
  papers     text not null default '[]',  -- their ids, JSON
  data       blob,
  checksum   text not null default ''     -- of papers and data: nothing else shows their damage
) strict, without rowid;
create table citation_keys (              -- a paper's name in BibTeX, for ever
  paper_id text primary key,
  key      text not null unique
) strict, without rowid;

create table zotero_connections (         -- the libraries that saves go to; the key is in secrets
  owner        text primary key,          -- the person or the channel whose saves go there
  is_channel   boolean not null,
  channel_id   text not null references channels, -- in which it was connected
  library      text not null,             -- users/ID or groups/ID
  name         text not null,             -- of the library, for people
  person_id    text not null,             -- whose key it is
  person       text not null,             -- the name that they had then
  connected_at text not null,
  paused       text not null default '',  -- why nothing is sent, in a sentence; empty: not paused
  paused_at    text
) strict, without rowid;
create index zotero_connections_by_person on zotero_connections (person_id);
create table zotero_outbox (              -- papers on their way to a library, or sent there
  owner      text not null references zotero_connections,
  paper_id   text not null,
  item_key   text not null,               -- Zotero's key of the item, decided before it is sent
  state      text not null default 'queued' check (state in ('queued', 'sending', 'sent', 'dead')),
  attempt    integer not null default 0,
  not_before text not null,               -- while it is sending: when the lease ends
  created_at text not null,
  settled_at text,
  error      text not null default '',
  primary key (owner, paper_id)
) strict, without rowid;
create index zotero_outbox_waiting on zotero_outbox (not_before)
  where state in ('queued', 'sending');
create index zotero_outbox_by_paper on zotero_outbox (paper_id);
create table zotero_hold (                -- until when Zotero asked to be left alone; one row
  id    integer primary key check (id = 1),
  until text not null
) strict;

create table discussions (                -- the thread about a paper in a channel
  channel_id text not null references channels,
  paper_id   text not null,
  post_key   text not null references outbox (key), -- of its first message
  primary key (channel_id, paper_id)
) strict, without rowid;

create table handled_requests (           -- people's requests on a platform, kept for a day
  id text primary key,                    -- the platform's own id of the request
  at text not null
) strict, without rowid;
create index handled_requests_by_time on handled_requests (at);

create table session_accounts (           -- accounts whose sessions a platform counts
  account text primary key,               -- as the platform's adapter names it; not a token
  held_at text,                           -- from then on no session may begin for so many
  seconds real not null default 0,        -- seconds, for this reason
  reason  text not null default ''
) strict, without rowid;
create table session_starts (             -- the sessions that were begun within the last day
  id      integer primary key,
  account text not null references session_accounts,
  bucket  integer not null,               -- each bucket has an interval of its own
  at      text not null
) strict;
create index session_starts_by_account on session_starts (account, at);

create table refused_platforms (          -- platforms that do not let the bot in
  platform   text primary key,
  reason     text not null,
  refused_at text not null                -- since when
) strict, without rowid;

create table secrets (                    -- others' secrets, encrypted before they get here
                                          -- (bot.vault)
  kind     text not null,
  owner    text not null,                 -- whose it is: a Slack workspace, a person, a channel
  sealed   text not null,
  saved_at text not null,
  primary key (kind, owner)
) strict, without rowid;

create table runs (
  id          integer primary key,
  started_at  text not null,
  finished_at text not null,
  since       text not null,
  wide        boolean not null,
  complete    boolean not null,
  requests    integer not null,
  fetched     integer not null,
  matched     integer not null,
  new_papers  integer not null,
  due         integer not null,
  primed      integer not null,
  notes       text not null,              -- JSON: kind, text, keyword
  late        boolean not null,           -- complete, but the awaited announcement was not in it
  short       boolean not null,           -- papers were missing that had to be there
  plan        text not null default '',
  announced   integer,                    -- papers announced since the run before; null: unknown
  missing     integer not null default 0, -- announced papers that were not available yet
  checkpoint  text not null default '',   -- the source's own text, passed back at the next run
  followed_until text not null default '' -- day up to which all posted papers were followed up,
                                          -- or empty: no further than before
) strict;

create table forgotten_runs (             -- sums over the runs that were deleted; a single row
  id        integer primary key check (id = 1),
  runs      integer not null,
  complete  integer not null,
  requests  integer not null,
  fetched   integer not null,
  matched   integer not null,
  due       integer not null,
  announced integer not null
) strict;
insert into forgotten_runs values (1, 0, 0, 0, 0, 0, 0, 0);

-- Which process holds which role, if several share a database (PostgreSQL). Times are seconds since
-- 1970 by the clock of the database server, which is the same for all of them.
create table leases (
  role   text primary key,
  holder text not null,                    -- the process
  fence  integer not null,                 -- grows with each new holder
  until  real not null
) strict, without rowid;

create table shard_members (               -- the processes that share the shards of a platform
  account text not null,                   -- as in session_accounts
  holder  text not null,
  until   real not null,
  primary key (account, holder)
) strict, without rowid;
create table shard_leases (                -- which process listens to which shard
  account text not null,
  shard   integer not null,
  shards  integer not null,                -- how many shards there are
  holder  text not null,
  until   real not null,
  primary key (account, shard)
) strict, without rowid;

create table shared_settings (             -- settings that all processes have to share; one row
  id       integer primary key check (id = 1),
  settings text not null
) strict;

create table posting_days (               -- bot.toml's [schedule] days at the last start; one row
  id   integer primary key check (id = 1),
  days text not null
) strict;

create table pace (                        -- when arXiv was last queried; one row
  id    integer primary key check (id = 1),
  state text not null
) strict;

create table samples (                     -- answers of arXiv that could not be used, for a person
  id     integer primary key,
  at     text not null,
  kind   text not null,
  text   text not null,
  body   blob not null
) strict;

create table file_revisions (              -- [[channels]] as they were each time bot.toml was
                                           -- written
  number   integer primary key,
  snapshot blob not null
) strict;

create table file_states (                 -- what is known of each bot.toml as last compared
  file     text primary key,               -- its identity; empty if one process has the database
  state    blob,
  is_owner boolean not null,               -- the file that may remove keywords from the database
  at       text not null
) strict;
create unique index file_states_owner on file_states (is_owner) where is_owner;
"""

MIGRATIONS: tuple[str, ...] = (_FIRST,)


# PostgreSQL's names for the types of our columns. The collation makes texts sort as in SQLite, byte
# by byte, whatever the database's own collation is.
_POSTGRES_TYPES = (
    (
        r"integer primary key(?: autoincrement)?,",
        "bigint generated by default as identity primary key,",
    ),
    (r"text\b", 'text collate "C"'),
    (r"integer\b", "bigint"),
    (r"real\b", "double precision"),
    (r"blob\b", "bytea"),
)


def for_sqlite(script: str) -> Iterator[str]:
    """The statements of a migration as SQLite takes them."""
    return _statements(re.sub(r"^(  \w+ +)boolean\b", r"\1integer", script, flags=re.MULTILINE))


def for_postgres(script: str) -> Iterator[str]:
    """The statements of a migration as PostgreSQL takes them."""
    for ours, theirs in _POSTGRES_TYPES:
        script = re.sub(rf'^(  [\w"]+ +){ours}', rf"\g<1>{theirs}", script, flags=re.MULTILINE)
    return _statements(re.sub(r"^\) strict(, without rowid)?;", ");", script, flags=re.MULTILINE))


def _statements(script: str) -> Iterator[str]:
    return (statement for statement in script.split(";\n") if statement.strip())


def migrate(db: sqlite3.Connection, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Bring the SQLite database to this version's schema. Raises SchemaTooNew and leaves it
    untouched.

    Foreign keys must not be enforced meanwhile, because a migration may rebuild a table that others
    refer to.
    """
    version = version_of(db)
    refuse_newer(version, len(migrations))
    for number, script in enumerate(migrations[version:], start=version + 1):
        try:
            db.execute("begin immediate")
            # Another process may have migrated while we waited for the lock.
            if version_of(db) < number:
                for statement in for_sqlite(script):
                    db.execute(statement)
                db.execute(f"pragma application_id = {APPLICATION_ID}")
                db.execute(f"pragma user_version = {number}")
            db.execute("commit")
        except BaseException:
            if db.in_transaction:  # not if the process was interrupted right after the commit
                db.execute("rollback")
            raise


def version_of(db: sqlite3.Connection) -> int:
    """The schema's version of a SQLite database; 0 if it has none."""
    return int(db.execute("pragma user_version").fetchone()[0])


def refuse_newer(version: int, known: int = len(MIGRATIONS)) -> None:
    """Raises SchemaTooNew for a schema's version that this program does not know."""
    if version > known:
        raise SchemaTooNew(
            f"the database has schema {version}, this version of Daily Papers knows up to "
            f"{known}. Install the newer version again, or restore an older backup."
        )
