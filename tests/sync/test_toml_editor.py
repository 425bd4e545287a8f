"""What the bot writes into a person's bot.toml, and all that it leaves alone."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.config import sample
from bot.config.toml_blocks import Kind, statements
from bot.errors import ConfigError
from bot.keywords import parse
from bot.model import Channel
from bot.model.snapshots import (
    SETTINGS,
    Configure,
    Follow,
    Listing,
    Snapshot,
    Unfollow,
    decode,
    encode,
    merge,
)
from bot.sync.toml_editor import Marker, read, render

PATH = Path("bot.toml")
ONE, TWO, THREE = (f"discord:{number}1420000000000000" for number in (1, 2, 3))
TOP = '[arxiv]\nurl = "http://127.0.0.1/api"\n[discord]\n\n'


def listing(channel: str, *keywords: str, **own: str) -> Listing:
    return Listing(Channel(channel, **own), tuple(map(parse, keywords)))


def snapshot(*listings: Listing) -> Snapshot:
    return Snapshot(listings)


def rendered(text: str, *listings: Listing, revision: int = 1) -> str:
    """The channels part without its marker line."""
    outcome = render(TOP + text, PATH, snapshot(*listings), revision)
    assert outcome.startswith(TOP)
    lines = outcome.removeprefix(TOP).splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("# daily-papers:")).rstrip("\n")


# -- reading --------------------------------------------------------------------------------------


def test_the_channels_are_read_with_the_revision_that_they_show() -> None:
    current = snapshot(listing("console:", "reward model", "graph cut", days="mon"))
    reading = read(render(TOP, PATH, current, 17), PATH)
    assert reading.snapshot == current
    assert reading.marker == Marker(17, current.digest)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# daily-papers: revision seventeen",
        "# daily-papers: revision 17",
        "# daily-papers: revision 1234567890123.00000000",
        "# daily-papers: revision 1.00000000\n# daily-papers: revision 2.00000000",
        'layout = "list" # daily-papers: revision 1.00000000',
    ],
)
def test_a_revision_that_cannot_be_told_is_none(line: str) -> None:
    block = f'[[channels]]\nid = "console:"\nkeywords = []\n{line}'
    assert read(TOP + block, PATH).marker is None


def test_what_stands_in_text_or_in_a_comment_is_no_block_and_no_marker() -> None:
    marker = "# daily-papers: revision 1.00000000"
    text = (
        '[page]\npath = """\\\n  papers.md"""  # [[channels]]\n'
        "# [[channels]]\n"
        "[slack]\n"
        "api_url = '''http://127.0.0.1/api'''\n"
        "[schedule]\ndays = '''mon'''\n"
        "[bot]\ndata = '''a[[channels]]#b'''\n"
        '[["channels"]] # mine\nid = "console:"\n'
        f'keywords = ["""a graph \\\n{marker}"""]\n'
    )
    kinds = [(each.kind, each.key) for each in statements(TOP + text)]
    assert kinds.count((Kind.ARRAY_HEADER, ("channels",))) == 1
    assert read(TOP + text, PATH).marker is None


def test_every_statement_is_found_however_it_is_spelled() -> None:
    text = (
        "\ufeff# one\n\n  a = 1 # x\r\n"
        "'b c'.\"d\\\"e\" = [ # it's ]\n  '''\n]''', \"]\", {x = ']'}\n ] # y\n"
        "[ t . 'u v' ] # z\n c = 1979-05-27 07:32:00\nd = {a = [1, 2], b = '#'}\n"
        'e = """"four"""""\n\n[[ q ]]\nf = ""'
    )
    tomllib.loads(text.removeprefix("\ufeff"))
    found = list(statements(text))
    assert "".join(each.lines.of(text) for each in found) == text
    pairs = {".".join(each.key): each.value.of(text) for each in found if each.kind is Kind.PAIR}
    assert pairs == {
        "a": "1",
        'b c.d"e': "[ # it's ]\n  '''\n]''', \"]\", {x = ']'}\n ]",
        "c": "1979-05-27 07:32:00",
        "d": "{a = [1, 2], b = '#'}",
        "e": '""""four"""""',
        "f": '""',
    }
    assert [each.key for each in found if each.kind is Kind.HEADER] == [("t", "u v")]
    assert [each.key for each in found if each.kind is Kind.ARRAY_HEADER] == [("q",)]
    comments = [each.comment.of(text) for each in found if each.comment]
    assert comments == ["# one", "# x", "# y", "# z"]


# -- writing --------------------------------------------------------------------------------------


def test_a_new_channel_is_written_behind_the_others() -> None:
    text = (
        f'[[channels]]\nid = "{ONE}"\nkeywords = ["graph"] # mine\n# and mine\n\n# page\n[page]\n'
    )
    outcome = rendered(text, listing(ONE, "graph"), listing(TWO, "reward model", days="mon"))
    assert outcome == (
        f'[[channels]]\nid = "{ONE}"\nkeywords = ["graph"] # mine\n# and mine\n\n'
        f'[[channels]]\nid = "{TWO}"\ndays = "mon"\nkeywords = [\n    "reward model",\n]\n\n'
        "\n# page\n[page]"
    )


def test_only_what_changed_is_rewritten_and_every_comment_keeps_its_place() -> None:
    text = f"""\
# the vision group
[[channels]]   # ours
id = '{ONE}'   # do not touch
post_at = "09:00"   # they come late
"days" = 'mon'
keywords = [ # newest first
    # from Anna
    'ti:"graph cut"',   # since May
    "reward model",     # from Ben
    # later: diffusion
]
# the end
"""
    current = listing(ONE, 'ti:"graph cut"', "protein folding", "zebra fish", days="tue")
    assert (
        rendered(text, current)
        == f"""\
# the vision group
[[channels]]   # ours
id = '{ONE}'   # do not touch
# they come late
"days" = "tue"
keywords = [
    # newest first
    # from Anna
    'ti:"graph cut"',  # since May
    # from Ben
    # later: diffusion
    "protein folding",
    "zebra fish",
]
# the end"""
    )


def test_a_list_on_one_line_stays_on_one_line_while_it_fits() -> None:
    text = '[[channels]]\nid = "console:"\nkeywords = [ "a graph",  \'reward model\', ]\n'
    short = listing("console:", "a graph", "reward model", "x ray")
    assert rendered(text, short).splitlines()[-1] == (
        'keywords = ["a graph", \'reward model\', "x ray"]'
    )
    long = [f"a rather long keyword {letter}" for letter in "bcde"]
    assert rendered(text, listing("console:", *long)).splitlines()[2] == "keywords = ["


def test_another_spelling_of_the_same_keyword_is_left_as_it_is() -> None:
    text = '[[channels]]\nid = "console:"\nkeywords = ["\\"Reward-Models\\"", "graph"]'
    kept = '[[channels]]\nid = "console:"\nkeywords = ["\\"Reward-Models\\""]'
    assert rendered(text, listing("console:", "reward model")) == kept


def test_the_block_of_a_channel_that_is_no_more_goes() -> None:
    blocks = [
        f'[[channels]]\nid = "{each}"\nkeywords = ["graph"]\n\n' for each in (ONE, TWO, THREE)
    ]
    outcome = rendered("".join(blocks), listing(ONE, "graph"), listing(THREE, "graph"))
    assert outcome == (blocks[0] + blocks[2]).rstrip("\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# lab\n[[channels]]\nid = 'ONE'\nkeywords = ['graph']", "keywords = []"),
        ("[[channels]]# lab\nid = 'ONE'\nkeywords = ['graph']", "keywords = []"),
        ("[[channels]]\nid = 'ONE'\nkeywords = ['graph'] # lab", "keywords = [] # lab"),
        ("[[channels]]\nid = 'ONE'\nkeywords = ['graph' # lab\n]", "keywords = [\n    # lab\n]"),
        ("[[channels]]\nid = 'ONE'\nkeywords = ['graph']\n# lab", "keywords = []\n# lab"),
        ("[[channels]]\nid = 'ONE'\ndays = 'mon' # lab\nkeywords = []", "# lab\nkeywords = []"),
    ],
)
def test_a_block_with_a_comment_is_emptied_and_not_removed(before: str, after: str) -> None:
    before = before.replace("ONE", ONE)
    outcome = rendered(before)
    assert outcome.endswith(after)
    assert "# lab" in outcome
    assert ONE in outcome


def test_an_empty_block_that_a_person_prepared_stays() -> None:
    text = f'[[channels]]\nid = "{ONE}"\nkeywords = []'
    assert rendered(text, listing("console:", "graph")).startswith(text)


def test_windows_line_ends_and_a_byte_order_mark_stay() -> None:
    text = "\ufeff" + (TOP + '[[channels]]\nid = "console:"\nkeywords = ["graph"]').replace(
        "\n", "\r\n"
    )
    current = snapshot(
        listing("console:", "graph", "x ray", post_at="09:00"), listing(ONE, "graph")
    )
    outcome = render(text, PATH, current, 1)
    assert outcome.startswith("\ufeff[arxiv]\r\n")
    assert outcome.count("\n") == outcome.count("\r\n")
    assert read(outcome, PATH).snapshot.meaning == current.meaning


def test_a_byte_order_mark_outlives_the_block_behind_it() -> None:
    text = f'\ufeff[[channels]]\nid = "{ONE}"\nkeywords = ["graph"]\n\n{TOP}'
    assert render(text, PATH, snapshot(), 1) == f"\ufeff{TOP}"


def test_a_marker_that_a_person_wrote_below_is_replaced_where_it_belongs() -> None:
    text = render(TOP, PATH, snapshot(listing(ONE, "graph")), 3)
    more = f'{text}\n[[channels]]\nid = "{TWO}"\nkeywords = []\n\n[page]\n'
    current = snapshot(listing(ONE, "graph"), listing(TWO, "x ray"))
    outcome = render(more, PATH, current, 4)
    markers = [line for line in outcome.splitlines() if line.startswith("# daily-papers")]
    assert markers == [str(Marker(4, current.digest))]
    assert outcome.index(TWO) < outcome.index(markers[0]) < outcome.index("[page]")


def test_channels_that_come_and_go_do_not_make_the_file_grow() -> None:
    text = TOP + f'[[channels]]\nid = "{ONE}"\nkeywords = ["graph"]\n\n[page]\npath = "x"\n'
    sizes = set()
    for revision in range(10, 20):
        for current in (
            snapshot(listing(ONE, "graph"), listing(TWO, "x ray"), listing(THREE, "b c")),
            snapshot(listing(THREE, "b c")),
            snapshot(),
            snapshot(listing(ONE, "graph")),
        ):
            text = render(text, PATH, current, revision)
        sizes.add(len(text))
    assert len(sizes) == 1
    assert text.endswith('\n[page]\npath = "x"\n')


def test_a_channel_of_a_platform_that_is_off_is_a_mistake_and_not_written() -> None:
    with pytest.raises(ConfigError, match="slack is switched off"):
        render(TOP, PATH, snapshot(listing("slack:C0123456789", "graph")), 1)


def test_the_sample_keeps_its_comments_when_the_first_keyword_is_added_in_the_chat() -> None:
    text = sample().replace("you@example.org", "me@uni-anywhere.edu")
    said = read(text, PATH).snapshot
    own = said.listings[0]
    more = snapshot(Listing(own.channel, (*own.keywords, parse("x ray"))))
    outcome = render(text, PATH, more, 1)
    assert [line for line in text.splitlines() if line not in outcome.splitlines()] == [
        '    "reward model",             # these words together, in title or abstract'
    ]
    assert '    "reward model",  # these words together, in title or abstract\n' in outcome


# -- anything at all ------------------------------------------------------------------------------

KEYWORDS = [
    "graph",
    "x ray",
    "reward model",
    'ti:"graph cut"',
    "cat:cs.LG",
    'ti:"x" OR ti:y',
    "naïve",
]
CHANNELS = ["console:", ONE, TWO, THREE, "slack:C0123456789"]
OWN = {
    "post_at": ["09:00", "9:30"],
    "days": ["mon", "daily"],
    "catch_up": ["all", "newest 3"],
    "layout": ["list"],
}

one_listing = st.builds(
    lambda channel, keywords, own: listing(channel, *keywords, **own),
    st.just("console:"),
    st.lists(st.sampled_from(KEYWORDS), unique=True),
    st.fixed_dictionaries({}, optional={name: st.sampled_from(OWN[name]) for name in OWN}),
)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    channels = draw(st.lists(st.sampled_from(CHANNELS), unique=True))
    drawn = [(channel, draw(one_listing)) for channel in channels]
    return snapshot(
        *(
            Listing(
                Channel(channel, **{name: getattr(own.channel, name) for name in SETTINGS}),
                own.keywords,
            )
            for channel, own in drawn
        )
    )


REMARKS = ["", "", "# remark", "# [[channels]]", "# 'quote", '# """', "\n\n# far", "\t# tab"]
TABLES = ['[page]\npath = "a\'b"', "[page]\npath = '''a[[b\"'''", '[page]\npath = """a\\"b"""', ""]


@st.composite
def written(draw: st.DrawFn) -> tuple[str, str, Snapshot]:
    """A file as people write it: the part above the channels, the rest, and what it says."""
    remark = st.sampled_from(REMARKS)
    said = draw(snapshots())
    tables = [TOP + "[slack]", draw(st.sampled_from(TABLES))]
    above = "\n".join([draw(remark), tables[0], draw(remark), ""])
    lines = []
    for own in said.listings:
        items = "".join(
            f"{draw(st.sampled_from(['', ' ', chr(10)]))}'{keyword.text}',{behind}"
            for keyword in own.keywords
            for behind in [draw(st.sampled_from(["", " # behind\n", "\n # alone\n"]))]
        )
        pairs = [
            f'id = "{own.channel.id}" {draw(st.sampled_from(["", "# remark"]))}',
            f"'keywords' = [{items}] {draw(st.sampled_from(['', '# remark']))}",
            *(
                f'{name} = "{value}" {draw(st.sampled_from(["", "# remark"]))}'
                for name in SETTINGS
                if (value := getattr(own.channel, name)) is not None
            ),
        ]
        header = draw(st.sampled_from(["[[channels]]", "  [[ channels ]] # x", "[['channels']]"]))
        lines += [header, *draw(st.permutations(pairs)), draw(remark)]
        if draw(st.booleans()):
            lines.append(tables.pop())
            tables = tables or [""]
    end = draw(st.sampled_from(["", "\n"]))
    line_end = draw(st.sampled_from(["\n", "\r\n"]))
    below = "\n".join(lines) + end
    return above.replace("\n", line_end), below.replace("\n", line_end), said


def comments_of(text: str) -> list[str]:
    words = ("# remark", "# far", "# tab", "# behind", "# alone", "# 'quote", "# x")
    return [word for word in words for _ in range(text.count(word))]


@settings(max_examples=150)
@given(written(), snapshots(), st.integers(1, 10**6))
def test_any_truth_can_be_shown_in_any_file(
    file: tuple[str, str, Snapshot], current: Snapshot, revision: int
) -> None:
    above, below, said = file
    text = above + below
    try:
        assert read(text, PATH).snapshot.meaning == said.meaning
    except ConfigError:
        assume(False)
    outcome = render(text, PATH, current, revision)
    assert read(outcome, PATH).snapshot.meaning == current.meaning
    assert comments_of(outcome) == comments_of(text)
    if below.startswith((" ", "[")):
        assert outcome.startswith(above)
    if current.meaning:
        assert render(outcome, PATH, current, revision) == outcome
    if "[page]" in text:
        assert outcome.count("[page]") == text.count("[page]")


@settings(max_examples=100)
@given(snapshots(), snapshots())
def test_a_snapshot_can_be_kept(one: Snapshot, other: Snapshot) -> None:
    assert decode(encode(one)) == one
    assert (one.digest == other.digest) == (one.meaning == other.meaning)


# -- merging --------------------------------------------------------------------------------------


def applied(current: Snapshot, changes: tuple[Follow | Unfollow | Configure, ...]) -> Snapshot:
    """What the store makes of changes, in the simplest words."""
    keywords = {own.channel.id: dict(own.by_canonical) for own in current.listings}
    settings_of = {
        own.channel.id: {name: getattr(own.channel, name) for name in SETTINGS}
        for own in current.listings
    }
    for change in changes:
        following = keywords.setdefault(change.channel_id, {})
        configured = settings_of.setdefault(change.channel_id, dict.fromkeys(SETTINGS))
        match change:
            case Follow(_, keyword):
                following.setdefault(keyword.canonical, keyword)
            case Unfollow(_, keyword):
                following.pop(keyword.canonical, None)
            case Configure(_, setting, value):
                configured[setting] = value
    return snapshot(
        *(
            Listing(Channel(channel, **settings_of[channel]), tuple(following.values()))
            for channel, following in keywords.items()
        )
    )


def pairs_of(said: Snapshot) -> set[tuple[str, str]]:
    return {
        (own.channel.id, keyword.canonical) for own in said.listings for keyword in own.keywords
    }


@settings(max_examples=150)
@given(snapshots(), snapshots(), snapshots())
def test_a_merge_carries_over_what_one_side_did_and_nothing_else(
    base: Snapshot, theirs: Snapshot, ours: Snapshot
) -> None:
    outcome = applied(ours, merge(base, theirs))
    added, removed = pairs_of(theirs) - pairs_of(base), pairs_of(base) - pairs_of(theirs)
    assert pairs_of(outcome) == (pairs_of(ours) | added) - removed
    assert applied(base, merge(base, theirs)).meaning == theirs.meaning
    assert merge(theirs, theirs) == ()
    twice = applied(outcome, merge(base, theirs))
    assert twice.meaning == outcome.meaning
