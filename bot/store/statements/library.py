"""Papers that people save for their channel.

A saved paper is stored as it was when it was saved, apart from the papers that runs bring: those
are deleted at some time, and a saved paper may never have been fetched by a run.

The week's most saved papers are shown once: the channel's ``most_saved_until`` is the posting time
up to which they were, written in the transaction that queues the digest. A week ends with its last
posting time, and saves before that count in no other week, even if the posting days change.
"""

from __future__ import annotations

import itertools
import json
import string
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from bot.model import Forgotten, KeptProfile, Paper, Person, SavedPage, SavedPaper
from bot.model.posts import PROFILE_FORMAT
from bot.store.engines.base import Connection
from bot.store.statements import zotero
from bot.store.statements.rows import (
    LISTED,
    PAPER_COLUMNS,
    SETTING_COLUMNS,
    grouped,
    id_list,
    paper_from_row,
    paper_to_row,
    qualified,
    to_text,
    to_time,
)
from bot.store.statements.subscriptions import ensure_channel
from bot.store.statements.zotero_disconnect import disconnect_person

MAX_COMPARED: Final = 1_000
"""How many saved papers a digest's order depends on at most: more would change little, and what is
kept of them grows with each."""

COMPARED_STEP: Final = 100
"""Of more papers, the oldest are left out so many at a time: where each new one drove out an old
one, the profile of a channel that saves much would be written anew every day."""

TOLD_WITHIN: Final = timedelta(days=15)  # a week, and the one in which the next digest comes

_ADDED: Final = ("subscriptions", "removed_subscriptions", "mutes")  # tables that name who added it

_COLUMNS = [column.strip() for column in f"{PAPER_COLUMNS}, words".split(",")]
_KEEP = (
    f"insert into saved_papers ({', '.join(_COLUMNS)})"
    f" values ({', '.join('?' * len(_COLUMNS))}) on conflict (id) do update set "
    + ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS[1:])
    + " where saved_papers.version <= excluded.version"
)


def toggle_save(
    db: Connection, channel_id: str, paper: Paper, person: Person, at: datetime
) -> bool:
    taken_back = db.execute(
        "delete from saves where channel_id = ? and paper_id = ? and person_id = ?",
        (channel_id, paper.id, person.id),
    )
    if taken_back.rowcount:
        left = db.execute("select 1 from saves where channel_id = ?", (channel_id,)).fetchone()
        if left is None:  # no digest will write over its profile
            _drop_profiles(db, [channel_id])
        else:
            _changed(db, [channel_id])
        zotero.drop_unkept(db, [paper.id])
        _forget_unsaved(db, [paper.id])
        return False
    return save_all(db, channel_id, [paper], person, at) == 1


def save_all(
    db: Connection, channel_id: str, papers: Sequence[Paper], person: Person, at: datetime
) -> int:
    ensure_channel(db, channel_id)
    saved = []
    for paper in papers:
        _drop_profiles_of_another_text(db, paper)
        db.execute(_KEEP, (*paper_to_row(paper), _words(paper)))
        added = db.execute(
            "insert into saves (channel_id, paper_id, person_id, person, saved_at)"
            " values (?, ?, ?, ?, ?) on conflict do nothing",
            (channel_id, paper.id, person.id, person.name, to_text(at)),
        )
        saved += [paper.id] * added.rowcount
    if saved:
        _changed(db, [channel_id])
    zotero.queue(db, channel_id, person.id, saved, at)
    return len(saved)


def _changed(db: Connection, channel_ids: Iterable[str]) -> None:
    """A profile of the channel's saves is not one of what is saved now."""
    db.executemany(
        "insert into profiles (channel_id, revision) values (?, 1)"
        " on conflict (channel_id) do update set revision = profiles.revision + 1",
        [(channel_id,) for channel_id in sorted(channel_ids)],
    )


def _drop_profiles(db: Connection, channel_ids: Iterable[str]) -> None:
    """So that nothing of what was saved is left in them. The revision stays: what is prepared from
    the old one must not be taken for the new one."""
    some = sorted(channel_ids)
    _changed(db, some)
    db.executemany(
        "update profiles set papers = '[]', data = null where channel_id = ?",
        [(channel_id,) for channel_id in some],
    )


def _drop_profiles_of_another_text(db: Connection, paper: Paper) -> None:
    """Of all channels with the paper, if it is about to get another title or abstract."""
    stored = db.execute(
        "select 1 from saved_papers where id = ? and version <= ?"
        " and (title <> ? or abstract <> ?)",
        (paper.id, paper.version, paper.title, paper.abstract),
    )
    if stored.fetchone() is not None:
        having = db.execute("select distinct channel_id from saves where paper_id = ?", (paper.id,))
        _drop_profiles(db, [channel_id for (channel_id,) in having])


def profiles(db: Connection, channel_ids: Iterable[str]) -> dict[str, KeptProfile]:
    """The kept ones of these channels, those left out that are in another format or damaged."""
    rows = db.execute(
        "select channel_id, made_of, papers, data, checksum from profiles"
        f" where channel_id in ({LISTED}) and data is not null and format = :format",
        {"ids": id_list(channel_ids), "format": PROFILE_FORMAT},
    )
    return {
        channel_id: KeptProfile(made_of, tuple(json.loads(papers)), bytes(data))
        for channel_id, made_of, papers, data, checksum in rows
        if checksum == _checksum(papers, data)
    }


def _checksum(papers: str, data: bytes) -> str:
    return f"{zlib.crc32(data, zlib.crc32(papers.encode())):08x}"


def keep_profile(db: Connection, channel_id: str, profile: KeptProfile) -> None:
    """Unless the channel's saves have changed since it was made."""
    papers = json.dumps(profile.ids)
    db.execute(
        "insert into profiles (channel_id, revision, format, made_of, papers, data, checksum)"
        " values (:channel, :revision, :format, :revision, :papers, :data, :checksum)"
        " on conflict (channel_id) do update set format = excluded.format,"
        " made_of = excluded.made_of, papers = excluded.papers, data = excluded.data,"
        " checksum = excluded.checksum where profiles.revision = excluded.revision",
        {
            "format": PROFILE_FORMAT,
            "revision": profile.revision,
            "papers": papers,
            "data": profile.data,
            "checksum": _checksum(papers, profile.data),
            "channel": channel_id,
        },
    )


def _words(paper: Paper) -> str:
    """The text that a search looks in."""
    parts = (paper.title, *paper.authors, paper.id, str(paper.published.year))
    return " ".join(parts).casefold()


def saved(
    db: Connection,
    channel_id: str,
    person_id: str,
    *,
    mine: bool = False,
    words: Sequence[str] = (),
    limit: int,
    offset: int = 0,
) -> SavedPage:
    whose = "s.person_id = :person" if mine else "s.channel_id = :channel"
    looked_for = {f"word{n}": f"%{_literal(word)}%" for n, word in enumerate(words)}
    found = "".join(f" and p.words like :{name} escape '!'" for name in looked_for)
    given = {"person": person_id, "channel": channel_id, **looked_for}
    here = f"from saves s join saved_papers p on p.id = s.paper_id where {whose}{found}"
    rows = db.execute(
        f"select {qualified('p')}, (select max(s.saved_at) from saves s"
        f" where s.paper_id = p.id and {whose}) as latest from saved_papers p"
        f" where p.id in (select s.paper_id {here})"
        " order by latest desc, p.id desc limit :limit offset :offset",
        {**given, "limit": limit, "offset": offset},
    ).fetchall()
    [total] = db.execute(f"select count(distinct s.paper_id) {here}", given).fetchone()
    people = db.execute(
        f"select s.paper_id, s.person_id, s.person from saves s where {whose}"
        f" and s.paper_id in ({LISTED}) order by s.saved_at, s.person_id",
        {**given, "ids": id_list(row[0] for row in rows)},
    )
    by = grouped((paper_id, (who, name)) for paper_id, who, name in people)
    return SavedPage(tuple(_saved_paper(row, by[row[0]], person_id) for row in rows), total)


def _saved_paper(
    row: Sequence[object], by: Sequence[tuple[str, str]], person_id: str
) -> SavedPaper:
    return SavedPaper(
        paper=paper_from_row(row),
        names=tuple(dict.fromkeys(name for _, name in by)),
        saved_at=to_time(str(row[-1])),
        mine=any(who == person_id for who, _ in by),
    )


def newest_saved(db: Connection, channel_id: str) -> frozenset[str]:
    """The ids of the papers saved for the channel, of more than ``MAX_COMPARED`` the last 901 to
    1,000."""
    rows = db.execute(
        "select paper_id, max(saved_at) from saves join saved_papers on id = paper_id"
        " where channel_id = ? group by paper_id",
        (channel_id,),
    ).fetchall()
    if len(rows) > MAX_COMPARED:
        rows.sort(key=lambda row: (row[1], row[0]))
        steps = -(-(len(rows) - MAX_COMPARED) // COMPARED_STEP)
        del rows[: steps * COMPARED_STEP]
    return frozenset(paper_id for paper_id, _ in rows)


def shared(db: Connection, channel_id: str) -> list[tuple[str, str]]:
    """The saves of papers that several people saved for the channel, as the paper's id and the
    time. Without saves more than two weeks before the channel's last one, which no digest shows."""
    [last] = db.execute(
        "select max(saved_at) from saves where channel_id = ?", (channel_id,)
    ).fetchone()
    if last is None:
        return []
    return db.execute(
        "select paper_id, saved_at from saves where channel_id = :channel and saved_at >= :since"
        " and paper_id in (select paper_id from saves where channel_id = :channel"
        " group by paper_id having count(*) > 1) order by paper_id, saved_at",
        {"channel": channel_id, "since": to_text(to_time(last) - TOLD_WITHIN)},
    ).fetchall()


def saved_papers(db: Connection, paper_ids: Iterable[str]) -> dict[str, Paper]:
    rows = db.execute(
        f"select {PAPER_COLUMNS} from saved_papers where id in ({LISTED})",
        {"ids": id_list(paper_ids)},
    )
    return {row[0]: paper_from_row(row) for row in rows}


def saved_paper(db: Connection, paper_id: str) -> Paper | None:
    row = db.execute(
        f"select {PAPER_COLUMNS} from saved_papers where id = ?", (paper_id,)
    ).fetchone()
    return None if row is None else paper_from_row(row)


def _literal(word: str) -> str:
    """Escape a word for ``like``, so that its characters are no wildcards there."""
    for sign in "!%_":
        word = word.replace(sign, f"!{sign}")
    return word.casefold()


def citation_keys(db: Connection, wanted: Mapping[str, str]) -> dict[str, str]:
    keys: dict[str, str] = dict(
        db.execute(
            f"select paper_id, key from citation_keys where paper_id in ({LISTED})",
            {"ids": id_list(wanted)},
        ).fetchall()
    )
    missing = {paper_id: base for paper_id, base in wanted.items() if paper_id not in keys}
    free = {base: _free(base, _taken(db, base)) for base in missing.values()}
    new = {paper_id: next(free[base]) for paper_id, base in missing.items()}
    # A base with letters appended may equal another base: then the next letters are tried.
    for paper_id, base in missing.items():
        while not _claim(db, paper_id, new[paper_id]):
            new[paper_id] = next(free[base])
    return keys | new


def _taken(db: Connection, base: str) -> frozenset[str]:
    """The keys that begin with ``base``: ``{`` is the character after ``z``."""
    rows = db.execute(
        "select key from citation_keys where key >= ? and key < ?", (base, base + "{")
    )
    return frozenset(key for (key,) in rows)


def _claim(db: Connection, paper_id: str, key: str) -> bool:
    claimed = db.execute(
        "insert into citation_keys (paper_id, key) values (?, ?) on conflict do nothing",
        (paper_id, key),
    )
    return claimed.rowcount == 1


def _free(base: str, taken: frozenset[str]) -> Iterator[str]:
    """``muster2026slow``, ``muster2026slowa``, …, ``muster2026slowz``, ``muster2026slowaa``, …"""
    for length in itertools.count():
        for letters in itertools.product(string.ascii_lowercase, repeat=length):
            if (key := base + "".join(letters)) not in taken:
                yield key


def forget_person(db: Connection, person: Person, at: datetime) -> Forgotten:
    kept = db.execute(
        "select distinct paper_id from saves where person_id = ?", (person.id,)
    ).fetchall()
    known_as = {
        name
        for table, name, owner in (
            ("saves", "person", "person_id"),
            *((table, "added_by", "added_by_id") for table in _ADDED),
        )
        for (name,) in db.execute(
            f"select distinct {name} from {table} where {owner} = ?", (person.id,)
        )
    }
    where = db.execute("select distinct channel_id from saves where person_id = ?", (person.id,))
    _drop_profiles(db, [channel_id for (channel_id,) in where.fetchall()])
    saves = db.execute("delete from saves where person_id = ?", (person.id,)).rowcount
    libraries = disconnect_person(db, person.id)
    zotero.drop_unkept(db, [paper_id for (paper_id,) in kept])
    _forget_unsaved(db, [paper_id for (paper_id,) in kept])
    names = _forget_conversations(db, person.id, at)
    for table in _ADDED:
        names += db.execute(
            f"update {table} set added_by = '', added_by_id = '' where added_by_id = ?",
            (person.id,),
        ).rowcount
    # For a paused channel only the name of the person who paused it is stored, not the id.
    for name in known_as | {person.name}:
        names += db.execute(
            "update channels set reason = 'by somebody' where paused = 'person' and reason = ?",
            (f"by {name}",),
        ).rowcount
    return Forgotten(saves, names, libraries)


def _forget_conversations(db: Connection, person_id: str, at: datetime) -> int:
    """Delete what the person follows for themselves, with everything that shows it. The
    conversation is archived, so that nothing is sent there any more, and nobody sees that there was
    one. The ledger stays, as everywhere. Returns how many keywords there were."""
    own = "(select id from channels where owner = :person)"
    given = {"person": person_id}
    keywords = 0
    for table in _ADDED:
        keywords += db.execute(f"delete from {table} where channel_id in {own}", given).rowcount
    unused = (
        "(select canonical from keywords where not shared"
        " and canonical not in (select canonical from subscriptions)"
        " and canonical not in (select canonical from removed_subscriptions)"
        " and canonical not in (select canonical from mutes))"
    )
    db.execute(f"delete from hits where canonical in {unused}")
    db.execute(f"delete from keywords where canonical in {unused}")
    for table in ("ledger", "news_ledger"):
        db.execute(
            f"update {table} set state = 'skipped' where state = 'due' and channel_id in {own}",
            given,
        )
    unsent = f"state in ('queued', 'unknown', 'held', 'dead') and channel_id in {own}"
    db.execute(
        "update outbox set parent_key = null where parent_key in"
        f" (select key from outbox where {unsent})",
        given,
    )
    db.execute(f"delete from outbox where {unsent}", given)
    db.execute(
        f"update outbox set payload = '' where state <> 'sending' and channel_id in {own}", given
    )
    unset = ", ".join(f"{setting} = null" for setting in SETTING_COLUMNS)
    db.execute(
        f"update channels set {unset}, owner = '', server = '', paused = null, reason = '',"
        " paused_at = null, probe_at = null, probes = 0, archived_at = :at, archive_reason = ''"
        " where owner = :person",
        {**given, "at": to_text(at)},
    )
    return keywords


def _forget_unsaved(db: Connection, paper_ids: Sequence[str]) -> None:
    db.execute(
        f"delete from saved_papers where id in ({LISTED})"
        " and not exists (select 1 from saves where saves.paper_id = saved_papers.id)",
        {"ids": id_list(paper_ids)},
    )
