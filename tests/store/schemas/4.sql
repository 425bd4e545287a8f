-- The database as schema 4 left it, with a paper that was posted. Never edited.
pragma application_id = 1684107385;
pragma user_version = 4;
BEGIN TRANSACTION;
CREATE TABLE channels (
  id        text primary key,
  platform  text not null,
  post_at   text,                         -- null in these four: as bot.toml's [schedule] says
  days      text,
  catch_up  text,
  layout    text,
  served    text,                         -- posting time up to which the channel was served
  paused    text check (paused in ('person', 'refused')),
  reason    text not null default '',     -- why it is paused, in a sentence
  paused_at text,
  probe_at  text,                         -- when a refused channel is tried again
  probes    integer not null default 0
, editors text, server text not null default '') strict, without rowid;
INSERT INTO "channels" VALUES('console:','console',NULL,NULL,NULL,NULL,'2026-03-02T08:00:00.000Z',NULL,'',NULL,NULL,0,NULL,'');
CREATE TABLE disagreements (               -- the source says yes, our matcher says no
  paper_id  text not null references papers,
  canonical text not null,                 -- empty: no keyword came near
  at        text not null,
  primary key (paper_id, canonical)
) strict, without rowid;
CREATE TABLE file_note (                   -- what is known of bot.toml's last text; one row
  id   integer primary key check (id = 1),
  note blob not null
) strict;
CREATE TABLE file_revisions (              -- what bot.toml's [[channels]] showed at each writing
  number   integer primary key,
  snapshot blob not null
) strict;
CREATE TABLE forgotten_runs (             -- sums over the runs that were forgotten; one row
  id        integer primary key check (id = 1),
  runs      integer not null,
  complete  integer not null,
  requests  integer not null,
  fetched   integer not null,
  matched   integer not null,
  due       integer not null,
  announced integer not null
) strict;
INSERT INTO "forgotten_runs" VALUES(1,0,0,0,0,0,0,0);
CREATE TABLE hits (                       -- which paper matches which keyword, decided by us
  canonical text not null references keywords,
  paper_id  text not null references papers,
  field     text not null,
  primary key (canonical, paper_id)
) strict, without rowid;
INSERT INTO "hits" VALUES('"reward model"','2603.00001','title');
CREATE TABLE keywords (                   -- one row per meaning
  canonical text primary key,
  text      text not null,
  query     text not null,
  clauses   integer not null
) strict, without rowid;
INSERT INTO "keywords" VALUES('"reward model"','reward model','all:x',2);
CREATE TABLE ledger (                     -- the promise: one row per paper and channel, for ever
  channel_id text not null references channels,
  paper_id   text not null references papers,
  state      text not null check (state in ('due', 'posted', 'known', 'skipped', 'dropped')),
  why        text not null,               -- new, first; empty for known
  at         text not null,               -- when it got this state
  post_key   text,
  primary key (channel_id, paper_id)
) strict, without rowid;
INSERT INTO "ledger" VALUES('console:','2603.00001','posted','new','2026-03-02T08:00:00.000Z','k1');
CREATE TABLE outbox (
  seq         integer primary key autoincrement,
  key         text not null unique,
  channel_id  text not null references channels,
  platform    text not null,
  payload     text not null,              -- the bytes that every attempt sends
  parent_key  text references outbox (key),
  state       text not null default 'queued'
              check (state in ('queued', 'sending', 'unknown', 'sent', 'held', 'dead')),
  attempt     integer not null default 0,
  not_before  text not null,
  lease_until text,
  created_at  text not null,
  settled_at  text,
  message_id  text not null default '',
  message_url text not null default '',
  error       text not null default ''
) strict;
INSERT INTO "outbox" VALUES(1,'k1','console:','console','text',NULL,'sent',0,'2026-03-02T08:00:00.000Z',NULL,'2026-03-02T08:00:00.000Z','2026-03-02T08:00:01.000Z','','','');
CREATE TABLE "papers" (
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
  last_seen        text not null          -- start of the last run that brought it again
) strict;
INSERT INTO "papers" VALUES('2603.00001',1,26030000001,'A study','We look.','["Ada Example"]','["cs.LG"]','cs.LG','2026-02-28T08:01:00.000Z','2026-02-28T08:01:00.000Z','https://arxiv.org/abs/2603.00001','https://arxiv.org/pdf/2603.00001','','','','2026-03-02T08:00:00.000Z','2026-03-02T08:00:00.000Z');
CREATE TABLE runs (
  id          integer primary key,
  started_at  text not null,
  finished_at text not null,
  since       text not null,
  wide        integer not null,
  complete    integer not null,
  requests    integer not null,
  fetched     integer not null,
  matched     integer not null,
  new_papers  integer not null,
  due         integer not null,
  primed      integer not null,
  notes       text not null                -- JSON: kind, text, keyword
, plan text not null default '', announced integer, missing integer not null default 0, mark text not null default '') strict;
INSERT INTO "runs" VALUES(1,'2026-03-02T08:00:00.000Z','2026-03-02T08:00:01.000Z','2026-02-16T08:00:00.000Z',0,1,1,1,1,1,1,0,'[]','',NULL,0,'');
CREATE TABLE samples (                     -- foreign answers that we did not understand
  id     integer primary key,
  at     text not null,
  kind   text not null,
  text   text not null,
  body   blob not null
) strict;
CREATE TABLE subscriptions (
  channel_id text not null references channels,
  canonical  text not null references keywords,
  text       text not null,               -- as this channel's person wrote it
  added_by   text not null,
  added_at   text not null,
  primed_at  text,                        -- null: its present papers are not known yet
  since      text,                        -- the known ones are complete from this submission on
  baseline   integer not null default 0, added_by_id text not null default '',  -- highest serial announced when it was primed
  primary key (channel_id, canonical)
) strict, without rowid;
INSERT INTO "subscriptions" VALUES('console:','"reward model"','reward model','Ada','2026-03-01T08:00:00.000Z','2026-03-01T08:00:00.000Z',NULL,0,'');
CREATE INDEX hits_by_paper on hits (paper_id);
CREATE INDEX subscriptions_by_keyword on subscriptions (canonical);
CREATE INDEX ledger_due on ledger (channel_id) where state = 'due';
CREATE INDEX ledger_by_paper on ledger (paper_id);
CREATE INDEX outbox_waiting on outbox (platform, seq)
  where state in ('queued', 'sending', 'unknown');
CREATE INDEX outbox_in_channel on outbox (channel_id, seq)
  where state in ('queued', 'sending', 'unknown');
CREATE INDEX outbox_heavy on outbox (settled_at) where state = 'sent' and payload <> '';
CREATE INDEX papers_by_published on papers (published);
CREATE INDEX papers_untold on papers (first_seen) where version = 0;
CREATE INDEX outbox_by_channel on outbox (channel_id, state);
CREATE INDEX subscriptions_unprimed on subscriptions (channel_id, canonical)
  where primed_at is null;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('outbox',1);
COMMIT;
