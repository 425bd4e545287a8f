"""What the bot writes into a person's bot.toml, and all that it leaves alone."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.config.new_file import sample
from bot.config.toml_blocks import StatementKind, statements
from bot.errors import ConfigError
from bot.keywords import parse
from bot.model import Channel, Keyword
from bot.model.snapshots import (
    SETTINGS,
    AddMute,
    Change,
    Configure,
    Follow,
    Listing,
    RemoveMute,
    Rename,
    Snapshot,
    Unfollow,
    decode,
    encode,
    merge,
)
from bot.sync.toml_editor import Marker, edit_array, read, render

PATH = Path("bot.toml")
ONE, TWO, THREE = (f"discord:{number}1420000000000000" for number in (1, 2, 3))
TOP = '[arxiv]\nurl = "http://127.0.0.1/api"\n[discord]\n\n'


def listing(channel: str, *keywords: str, **own: str) -> Listing:
    return Listing(Channel(channel, **own), tuple(map(parse, keywords)))


def named(name: str, text: str) -> Keyword:
    return replace(parse(text), name=name)


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


def test_what_is_in_text_or_in_a_comment_is_no_block_and_no_marker() -> None:
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
    assert kinds.count((StatementKind.ARRAY_HEADER, ("channels",))) == 1
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
    pairs = {
        ".".join(each.key): each.value.of(text) for each in found if each.kind is StatementKind.PAIR
    }
    assert pairs == {
        "a": "1",
        'b c.d"e': "[ # it's ]\n  '''\n]''', \"]\", {x = ']'}\n ]",
        "c": "1979-05-27 07:32:00",
        "d": "{a = [1, 2], b = '#'}",
        "e": '""""four"""""',
        "f": '""',
    }
    assert [each.key for each in found if each.kind is StatementKind.HEADER] == [("t", "u v")]
    assert [each.key for each in found if each.kind is StatementKind.ARRAY_HEADER] == [("q",)]
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
keywords = [ # newest first
    # from Anna
    'ti:"graph cut"',   # since May
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
        'keywords = [ "a graph",  \'reward model\', "x ray", ]'
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
        ("[[channels]]\nid = 'ONE'\nkeywords = ['graph'\n# lab\n]", "keywords = [\n# lab\n]"),
        ("[[channels]]\nid = 'ONE'\nkeywords = [# lab\n'graph']", "keywords = [# lab\n]"),
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


def test_a_block_of_which_only_the_keywords_are_commented_goes_with_them() -> None:
    text = f"[[channels]]\nid = '{ONE}'\nkeywords = [\n    'graph',  # since May\n]\n"
    assert rendered(text) == ""


ARRAYS = [
    # what a person wrote, what stays of it, what is new, and what becomes of it
    ('["a b", "c"]', "1", [], '["a b"]'),
    ('["a b", "c"]', "2", [], '["c"]'),
    ('["a b", "c"]', "", [], "[]"),
    ('[ "a b" , "c" , ]', "1", [], '[ "a b" , ]'),
    ('[ "a b" , "c" , ]', "12", ["d"], '[ "a b" , "c" , "d", ]'),
    ('["a b", "c"]', "1", ["d"], '["a b", "d"]'),
    ("[]", "", ["d", "e"], '["d", "e"]'),
    ("[ ]", "", ["d"], '["d"]'),
    # each keyword with a comment on its own line
    ('[\n  "a",  # one\n  "b",  # two\n]', "1", [], '[\n  "a",  # one\n]'),
    ('[\n  "a",  # one\n  "b",  # two\n]', "2", ["c"], '[\n  "b",  # two\n  "c",\n]'),
    ('[\n  # of a\n  "a",\n\n  # of b\n  "b"\n]', "1", [], '[\n  # of a\n  "a",\n\n  # of b\n]'),
    # aligned, with blank lines and tabs
    ('[\n\t"a",      # one\n\n\t"bcd",    # two\n\n]', "12", ["e"],
     '[\n\t"a",      # one\n\n\t"bcd",    # two\n\t"e",\n\n]'),
    # several on one line share its comment
    ('[\n  "a", "b", "c", # all\n]', "13", [], '[\n  "a", "c", # all\n]'),
    ('[\n  "a", "b", "c", # all\n]', "3", [], '[\n  "c", # all\n]'),
    ('[\n  "a", "b", "c", # all\n]', "", [], "[]"),
    ('[\n  "a", "b",\n  "c", "d"]', "13", ["e"], '[\n  "a",\n  "c",\n  "e"]'),
    ('["a", # one\n "b", # two\n "c"]', "23", [], '[\n "b", # two\n "c"]'),
    ('["a", # one\n "b", # two\n "c"]', "12", [], '["a", # one\n "b", # two\n]'),
    # commas in front
    ('[ "a"\n, "b"  # two\n, "c"\n]', "13", [], '[ "a"\n, "c"\n]'),
    ('[ "a"\n, "b"  # two\n, "c"\n]', "23", [], '[\n "b"  # two\n, "c"\n]'),
    # what looks like a comma or a comment inside a string
    ("[\n  'a, # b',  # one\n  \"c ] d\",\n]", "2", [], '[\n  "c ] d",\n]'),
    ('[\r\n  "a",\r\n  "b",  # two\r\n]', "1", ["c"], '[\r\n  "a",\r\n  "c",\r\n]'),
]  # fmt: skip


@pytest.mark.parametrize(("written", "stays", "new", "expected"), ARRAYS)
def test_a_removed_keyword_takes_the_comment_of_its_line_and_the_array_keeps_its_layout(
    written: str, stays: str, new: list[str], expected: str
) -> None:
    items = tomllib.loads(f"k = {written}")["k"]
    keep = [str(number + 1) in stays for number in range(len(items))]
    line_end = "\r\n" if "\r" in written else "\n"
    outcome = edit_array(written, keep, [f'"{each}"' for each in new], line_end)
    assert outcome == expected
    kept = [item for item, stay in zip(items, keep, strict=True) if stay]
    assert tomllib.loads(f"k = {outcome}")["k"] == [*kept, *new]


BETWEEN = [
    # what a person wrote, what is new by the item that follows it, and what becomes of it
    ('["a", "c"]', {1: ["b"]}, '["a", "b", "c"]'),
    ('["a", "c"]', {0: ["x", "y"], 1: ["b"]}, '["x", "y", "a", "b", "c"]'),
    ('[\n  "a",  # one\n  # of c\n  "c"\n]', {1: ["b"]},
     '[\n  "a",  # one\n  "b",\n  # of c\n  "c"\n]'),
    ('[  # all\n  # of a\n  "a",\n]', {0: ["x"]}, '[  # all\n  "x",\n  # of a\n  "a",\n]'),
    ('[\n  "a", "c", # both\n  "d",\n]', {1: ["b"], 2: ["x", "y"]},
     '[\n  "a", "b", "c", # both\n  "x",\n  "y",\n  "d",\n]'),
    ('[ "a"\n, "c"\n]', {1: ["b"]}, '[ "a",\n    "b"\n, "c"\n]'),
    ('[\r\n  "a",\r\n  "c",\r\n]', {1: ["b"]}, '[\r\n  "a",\r\n  "b",\r\n  "c",\r\n]'),
    (f'["{"a" * 50}", "{"c" * 40}"]', {1: ["b"]},
     f'[\n    "{"a" * 50}",\n    "b",\n    "{"c" * 40}",\n]'),
]  # fmt: skip


@pytest.mark.parametrize(("written", "between", "expected"), BETWEEN)
def test_a_keyword_that_comes_back_stands_where_it_was_and_comments_stay_above_theirs(
    written: str, between: dict[int, list[str]], expected: str
) -> None:
    items = tomllib.loads(f"k = {written}")["k"]
    line_end = "\r\n" if "\r" in written else "\n"
    new = {index: [f'"{each}"' for each in some] for index, some in between.items()}
    outcome = edit_array(written, [True] * len(items), [], line_end, new)
    assert outcome == expected
    wanted = [each for n, item in enumerate(items) for each in (*between.get(n, ()), item)]
    assert tomllib.loads(f"k = {outcome}")["k"] == wanted


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('mute = ["survey"]\n', ""),
        ('mute = [\n    "survey",\n]\n', ""),
        ('mute = ["survey"]  # not again\n', "# not again\n"),
        ('mute = [\n    # not again\n    "survey",\n]\n', "mute = [\n    # not again\n]\n"),
        ("mute = []\n", "mute = []\n"),
    ],
)
def test_the_last_mute_takes_its_key_with_it_and_every_comment_stays(
    before: str, after: str
) -> None:
    """An empty list that a person wrote is left alone."""
    block = f'[[channels]]\nid = "{ONE}"\n{{}}keywords = ["graph"]'
    assert rendered(block.format(before), listing(ONE, "graph")) == block.format(after)


def test_an_empty_block_that_a_person_prepared_stays() -> None:
    text = f'[[channels]]\nid = "{ONE}"\nkeywords = []'
    assert rendered(text, listing("console:", "graph")).startswith(text)


def test_a_setting_that_is_spelled_otherwise_and_means_the_same_is_left_as_it_is() -> None:
    settings = 'post_at = "9:30"\ndays = "Friday, mon"'
    text = f'[[channels]]\nid = "console:"\n{settings}\nkeywords = ["graph"]'
    current = listing("console:", "graph", post_at="09:30", days="mon,fri")
    assert rendered(text, current) == text
    moved = listing("console:", "graph", post_at="09:45", days="mon,fri")
    assert rendered(text, moved) == text.replace("9:30", "09:45")


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
    text = TOP + f'[[channels]]\nid = "{ONE}"\nkeywords = ["graph"]\n\n[page]\npath = "x.md"\n'
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
    assert text.endswith('\n[page]\npath = "x.md"\n')


def test_the_sample_keeps_its_comments_when_the_first_keyword_is_added_in_the_chat() -> None:
    text = sample().replace("you@example.org", "me@uni-anywhere.edu")
    said = read(text, PATH).snapshot
    own = said.listings[0]
    more = snapshot(Listing(own.channel, (*own.keywords, parse("x ray"))))
    outcome = render(text, PATH, more, 1)
    assert [line for line in text.splitlines() if line not in outcome.splitlines()] == []


# -- names ----------------------------------------------------------------------------------------

TWO_KEYWORDS = """[[channels]]
id = "console:"
keywords = [
    "reward model",      # one
    { query = "ti:reasoning", name = 'Reasoning' },          # two
    "graph",
]
"""


def test_a_keyword_may_be_a_table_with_a_name() -> None:
    [own] = read(TOP + TWO_KEYWORDS, PATH).snapshot.listings
    assert [(each.text, each.name) for each in own.keywords] == [
        ("reward model", ""),
        ("ti:reasoning", "Reasoning"),
        ("graph", ""),
    ]


def test_a_name_given_in_the_chat_turns_an_item_into_a_table_and_leaves_the_others_alone() -> None:
    wanted = (named("RM", "reward model"), parse("ti:reasoning"), parse("graph"))
    outcome = rendered(TWO_KEYWORDS, Listing(Channel("console:"), wanted))
    assert outcome.splitlines()[3:6] == [
        '    { name = "RM", query = "reward model" },      # one',
        '    "ti:reasoning",          # two',
        '    "graph",',
    ]


def test_a_new_keyword_with_a_name_is_written_as_a_table() -> None:
    wanted = (parse("reward model"), named('"Q" #]', "x ray"))
    assert rendered("", Listing(Channel("console:"), wanted)).splitlines()[-4:] == [
        "keywords = [",
        '    "reward model",',
        '    { name = "\\"Q\\" #]", query = "x ray" },',
        "]",
    ]


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
    "post_at": ["09:00", "09:30"],
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
                tuple(
                    replace(keyword, name=name and f"{name} {keyword.text}")
                    for keyword in own.keywords
                    for name in [draw(st.sampled_from(["", "", "My", '"# ]} ,']))]
                ),
                tuple(
                    map(parse, draw(st.lists(st.sampled_from(KEYWORDS), max_size=2, unique=True)))
                ),
            )
            for channel, own in drawn
        )
    )


COMMENTS = ["", "", "# remark", "# [[channels]]", "# 'quote", '# """', "\n\n# far", "\t# tab"]
TABLES = [
    '[page]\npath = "a\'b.md"',
    "[page]\npath = '''a[[b\".md'''",
    '[page]\npath = """a\\"b.md"""',
    "",
]


@dataclass(frozen=True)
class Written:
    """A file as people write it: the part above the channels, the rest, and what it says.

    ``behind`` are, for each comment behind keywords, the channel and the keywords on its line.
    """

    above: str
    below: str
    said: Snapshot
    behind: tuple[tuple[str, frozenset[str]], ...]


def item_of(keyword: Keyword) -> str:
    if not keyword.name:
        return f"'{keyword.text}'"
    return f"{{query='{keyword.text}', name = '{keyword.name}' }}"


@st.composite
def written(draw: st.DrawFn) -> Written:
    comment = st.sampled_from(COMMENTS)
    said = draw(snapshots())
    tables = [TOP + "[slack]", draw(st.sampled_from(TABLES))]
    above = "\n".join([draw(comment), tables[0], draw(comment), ""])
    lines = []
    comments = []
    for own in said.listings:
        items = ""
        on_line: set[str] = set()
        for keyword in own.keywords:
            before = draw(st.sampled_from(["", " ", "\n"]))
            behind = draw(st.sampled_from(["", " # behind\n", "\n # alone\n"]))
            items += f"{before}{item_of(keyword)},{behind}"
            on_line = (set() if before == "\n" else on_line) | {keyword.canonical}
            if "# behind" in behind:
                comments.append((own.channel.id, frozenset(on_line)))
            on_line = set() if behind else on_line
        pairs = [
            f'id = "{own.channel.id}" {draw(st.sampled_from(["", "# remark"]))}',
            f"'keywords' = [{items}] {draw(st.sampled_from(['', '# remark']))}",
            *(
                f'{name} = "{value}" {draw(st.sampled_from(["", "# remark"]))}'
                for name in SETTINGS
                if (value := getattr(own.channel, name)) is not None
            ),
        ]
        if own.mutes:
            hidden = draw(st.sampled_from([", ", ",\n  ", ", # mine\n"]))
            pairs.append(f"mute = [{hidden.join(repr(each.text) for each in own.mutes)}]")
        header = draw(st.sampled_from(["[[channels]]", "  [[ channels ]] # x", "[['channels']]"]))
        lines += [header, *draw(st.permutations(pairs)), draw(comment)]
        if draw(st.booleans()):
            lines.append(tables.pop())
            tables = tables or [""]
    end = draw(st.sampled_from(["", "\n"]))
    line_end = draw(st.sampled_from(["\n", "\r\n"]))
    below = "\n".join(lines) + end
    return Written(
        above.replace("\n", line_end), below.replace("\n", line_end), said, tuple(comments)
    )


def comments_of(text: str) -> dict[str, int]:
    words = ("# remark", "# far", "# tab", "# behind", "# alone", "# 'quote", "# x")
    return {word: text.count(word) for word in words}


@given(written(), snapshots(), st.integers(1, 10**6))
def test_any_state_can_be_shown_in_any_file(
    file: Written, current: Snapshot, revision: int
) -> None:
    text = file.above + file.below
    try:
        assert read(text, PATH).snapshot.meaning == file.said.meaning
    except ConfigError:
        assume(False)
    outcome = render(text, PATH, current, revision)
    assert read(outcome, PATH).snapshot.meaning == current.meaning
    follows = {each.channel.id: each.by_canonical.keys() for each in current.listings}
    stay = sum(bool(on_line & follows.get(channel, set())) for channel, on_line in file.behind)
    assert comments_of(outcome) == {**comments_of(text), "# behind": stay}
    if file.below.startswith((" ", "[")):
        assert outcome.startswith(file.above)
    if current.meaning:
        assert render(outcome, PATH, current, revision) == outcome
    if "[page]" in text:
        assert outcome.count("[page]") == text.count("[page]")
    shown, said = read(outcome, PATH).snapshot.by_channel, file.said.by_channel
    for channel, wanted in current.by_channel.items():
        before, wants = said.get(channel, wanted).by_canonical, list(wanted.by_canonical)
        if [each for each in before if each in wants] == [each for each in wants if each in before]:
            assert list(shown.get(channel, wanted).by_canonical) == wants


@given(snapshots(), snapshots())
def test_a_snapshot_can_be_kept(one: Snapshot, other: Snapshot) -> None:
    assert decode(encode(one)) == one
    assert (one.digest == other.digest) == (one.meaning == other.meaning)


# -- merging --------------------------------------------------------------------------------------


def applied(current: Snapshot, changes: tuple[Change, ...]) -> Snapshot:
    """What the store makes of changes, in the simplest words."""
    keywords = {own.channel.id: dict(own.by_canonical) for own in current.listings}
    settings_of = {
        own.channel.id: {name: getattr(own.channel, name) for name in SETTINGS}
        for own in current.listings
    }
    muting = {
        own.channel.id: {each.canonical: each for each in own.mutes} for own in current.listings
    }
    for change in changes:
        following = keywords.setdefault(change.channel_id, {})
        configured = settings_of.setdefault(change.channel_id, dict.fromkeys(SETTINGS))
        match change:
            case Follow(_, keyword):
                name = keyword.name or following.get(keyword.canonical, keyword).name
                following[keyword.canonical] = replace(keyword, name=name)
            case Rename(_, keyword) if keyword.canonical in following:
                following[keyword.canonical] = keyword
            case Unfollow(_, keyword):
                following.pop(keyword.canonical, None)
            case AddMute(_, keyword):
                muting.setdefault(change.channel_id, {})[keyword.canonical] = keyword
            case RemoveMute(_, keyword):
                muting.get(change.channel_id, {}).pop(keyword.canonical, None)
            case Configure(_, setting, value):
                configured[setting] = value
    return snapshot(
        *(
            Listing(
                Channel(channel, **settings_of[channel]),
                tuple(following.values()),
                tuple(muting.get(channel, {}).values()),
            )
            for channel, following in keywords.items()
        )
    )


def pairs_of(said: Snapshot) -> set[tuple[str, str]]:
    return {
        (own.channel.id, keyword.canonical) for own in said.listings for keyword in own.keywords
    }


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
