"""What people read about saved papers and citations."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from bot.chat.replies.dates import DateFormatter
from bot.chat.replies.follower import follower
from bot.chat.replies.keywords import ROWS_PER_PAGE
from bot.chat.replies.zotero import also_sent
from bot.chat.reports import PaperSaved, SavedReport
from bot.model import Forgotten, Offer, Paper, Person, Reply, Row, SavedPage, SavedPaper, TextFile
from bot.model.library import EXPORT_FORMATS
from bot.model.zotero import ZoteroConnection
from bot.references import address, refer_to
from bot.text import authors_line, displayed, plural, shorten

MAX_BUTTON_WORDS = 60  # characters of a search that a button can carry
MAX_TITLE_LENGTH = 200
SAVED = Offer("Saved papers", "saved")
MINE = Offer("Mine", "saved mine")
ORDER = Offer("Order by similarity", "settings order similarity")


def save_reply(
    paper: Paper,
    person: Person,
    *,
    saved: bool,
    connections: Sequence[ZoteroConnection] = (),
) -> Reply:
    """``connections`` are the person's and the channel's connections to Zotero."""
    title, for_whom = _title(paper), _for_whom(person)
    if not saved:
        return Reply(f"Taken back: {title}\nYou no longer keep it{for_whom}.", offers=(SAVED,))
    return Reply(
        f"Saved{for_whom}: {title}\n{_seen_by(person, 'it')}. To take it back, press Save again."
        f"{also_sent(connections, 1)}",
        offers=(SAVED,),
    )


def saved_together_reply(
    papers: Sequence[Paper],
    person: Person,
    added: int,
    unknown: int = 0,
    connections: Sequence[ZoteroConnection] = (),
) -> Reply:
    """The reply to saving several papers at once. ``added`` of them were not saved before;
    ``unknown`` is how many others arXiv does not know."""
    before = len(papers) - added
    kept = f" You had saved {before:,} of these before." if before and added else ""
    head = f"Saved {plural(added, 'paper')}{_for_whom(person)}." if added else "You had saved them."
    if unknown:
        kept += f" arXiv does not know {unknown:,} of the papers in this message."
    return Reply(
        f"{head}{kept}\n{_seen_by(person, 'them')}, where Remove takes one back."
        f"{also_sent(connections, len(papers))}",
        offers=(SAVED, MINE),
    )


def _for_whom(person: Person) -> str:
    return "" if person.private else " for this channel"


def _seen_by(person: Person, them: str) -> str:
    if person.private:
        return f"Only you see {them}, among the saved papers"
    return f"Everybody here sees {them}, with your name, among the saved papers"


def saved_reply(
    found: SavedPage,
    dates: DateFormatter,
    *,
    mine: bool,
    words: Sequence[str],
    page: int,
    private: bool = False,
    offer_order: bool = False,
) -> Reply:
    """``offer_order``: offer to order the digest by what is saved, which is enough by now."""
    if not found.total and words:
        return Reply(
            f"No saved paper has {' '.join(words)} in its title, authors, id or year.",
            offers=(_other(mine, private),),
        )
    if not found.total:
        return nothing_saved(mine=mine, private=private)
    last = pages(found)
    head = f"{follower(mine or private, 'have')} saved {plural(found.total, 'paper')}"
    head += " here" if private and not mine else ""
    head += f" with {' '.join(words)}" if words else ""
    head += f" (page {page} of {last}):" if last > 1 else ":"
    offers = []
    if last > 1 and (turn := _turning(mine, words)) is not None:
        offers += [Offer("Back", f"saved page {page - 1}{turn}")] if page > 1 else []
        offers += [Offer("More", f"saved page {page + 1}{turn}")] if page < last else []
    offers += [_other(mine, private), Offer("Export", "export mine" if mine else "export")]
    if offer_order:
        head = (
            f"{head[:-1]}. That is enough to show new papers like these first in the digest, with"
            " none left out:"
        )
        offers.append(ORDER)
    rows = tuple(_row(each, dates, mine=mine, named=not (mine or private)) for each in found.papers)
    return Reply(head, rows=rows, offers=tuple(offers))


def pages(found: SavedPage) -> int:
    """The number of pages, at least one."""
    return max(found.total - 1, 0) // ROWS_PER_PAGE + 1


def saved_report(channel_id: str, found: SavedPage, page: int) -> SavedReport:
    papers = tuple(_report_of(each) for each in found.papers)
    return SavedReport(channel_id, found.total, page, pages(found), papers)


def _report_of(each: SavedPaper) -> PaperSaved:
    paper = displayed(each.paper)
    return PaperSaved(
        paper.id,
        paper.title,
        paper.authors,
        paper.primary_category,
        paper.published,
        paper.url,
        each.names,
        each.saved_at,
    )


def _turning(mine: bool, words: Sequence[str]) -> str | None:
    """What ends the command of a button for another page; ``None`` if it is too long for one."""
    said = "".join(f" {word}" for word in (*(["mine"] if mine else []), *map(quote, words)))
    return said if len(said) <= MAX_BUTTON_WORDS else None


def _other(mine: bool, private: bool) -> Offer:
    if mine:
        return Offer("Only from here" if private else "This channel's", "saved")
    return Offer("From everywhere", MINE.words) if private else MINE


def _row(each: SavedPaper, dates: DateFormatter, *, mine: bool, named: bool) -> Row:
    paper = displayed(each.paper)
    by = "" if not named else f" by {authors_line(each.names)}"
    about = f"{authors_line(paper.authors)} · saved {dates.day(each.saved_at)}{by}"
    offers = (Offer("Remove", f"save {paper.id}"),) if each.mine and not mine else ()
    return Row(_title(paper), f"{about.lstrip(' ·')} · {address(paper.url)}", offers)


def _title(paper: Paper) -> str:
    return shorten(displayed(paper).title, MAX_TITLE_LENGTH)


def nothing_saved(*, mine: bool, private: bool) -> Reply:
    return Reply(
        f"{follower(mine or private, 'have')} saved no paper yet. The button Save is below each"
        f" paper's abstract; or: {refer_to('save 2603.01234')}"
    )


def citation_reply(text: str) -> Reply:
    return Reply("Ready to copy:", code=text)


def export_reply(file: TextFile, count: int, total: int, *, mine: bool, private: bool) -> Reply:
    whose = "you" if mine or private else "this channel"
    said = f"{plural(count, 'paper')} that {whose} saved, as {file.name}."
    if count < total:
        said += f" These are the newest of {total:,}: a file of all would be too large."
    others = [kind for kind in EXPORT_FORMATS if not file.name.endswith(kind)]
    own = " mine" if mine else ""
    offers = tuple(Offer(f".{kind}", f"export{own} {kind}") for kind in others)
    return Reply(said, offers=offers, file=file)


def forget_question(saves: int) -> Reply:
    return Reply(
        f"This deletes {plural(saves, 'saved paper')} of yours, in all channels, and your name"
        " wherever I keep it: at keywords that you added, and at a channel that you paused."
        " Keywords of channels stay; what you follow for yourself ends, and so does what you"
        " connected to Zotero, also for a channel. It can't be undone.",
        offers=(Offer("Delete", "forget-me now"),),
    )


def forgotten_reply(forgotten: Forgotten) -> Reply:
    parts = [plural(forgotten.saves, "saved paper")]
    parts += [f"{plural(forgotten.libraries, 'key')} for Zotero"] if forgotten.libraries else []
    return Reply(
        f"Deleted: {', '.join(parts)}, and your name in {plural(forgotten.names, 'other place')}."
    )
