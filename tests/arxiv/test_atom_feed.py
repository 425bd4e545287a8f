"""Bytes → papers. An answer is understood whole, or refused; nothing in between."""

from __future__ import annotations

import re
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.arxiv.atom_feed import AtomReader, read
from bot.arxiv.xml_stream import MAX_BODY_BYTES, SAMPLE_BYTES
from bot.errors import SourceGarbled
from bot.model.papers import MAX_AUTHORS, MAX_LENGTHS, MAX_NAME_LENGTH
from tests.arxiv.feeds import NOON, feed, standin_paper
from tests.arxiv.hostile import Cuts, cuts, in_pieces, mutilated
from tests.wire.arxiv_feed import render_error

ATOM = "{http://www.w3.org/2005/Atom}"
ARXIV = "{http://arxiv.org/schemas/atom}"
SEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"
OPEN_FEED = (
    '<feed xmlns="http://www.w3.org/2005/Atom"'
    ' xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"'
    ' xmlns:arxiv="http://arxiv.org/schemas/atom">'
)


def refusal(body: bytes) -> SourceGarbled:
    with pytest.raises(SourceGarbled) as caught:
        read(body)
    return caught.value


# Real answers, recorded by other projects


def api_answers(folder: Path) -> list[Path]:
    return sorted((folder / "arxiv" / "recorded").glob("*__api_*.xml"))


def test_every_recorded_answer_is_read_field_by_field(shared_data: Path) -> None:
    read_so_far = 0
    for path in api_answers(shared_data):
        body = path.read_bytes()
        found = read(body)
        root = ElementTree.fromstring(body)
        entries = [each for each in root.findall(f"{ATOM}entry") if "/abs/" in tag(each, "id")]
        assert found.updated == moment(tag(root, "updated"))
        assert found.total == int(root.findtext(f"{SEARCH}totalResults", ""))
        assert found.start == int(root.findtext(f"{SEARCH}startIndex", ""))
        assert len(found.papers) == len(entries)
        for paper, entry in zip(found.papers, entries, strict=True):
            versioned = tag(entry, "id").rpartition("/abs/")[2]
            assert f"{paper.id}v{paper.version}" == versioned
            assert paper.title == tag(entry, "title")
            assert paper.abstract == tag(entry, "summary")
            assert paper.published == moment(tag(entry, "published"))
            assert paper.updated == moment(tag(entry, "updated"))
            assert list(paper.authors) == [
                tag(each, "name") for each in entry.iter(f"{ATOM}author")
            ]
            terms = [each.get("term") for each in entry.iter(f"{ATOM}category")]
            assert list(paper.categories) == terms
            primary = entry.find(f"{ARXIV}primary_category")
            assert primary is not None
            assert paper.primary_category == primary.get("term")
            for name in ("comment", "journal_ref", "doi"):
                assert getattr(paper, name) == tag(entry, name, ARXIV)
            assert paper.url == f"https://arxiv.org/abs/{paper.id}"
            assert paper.pdf_url == f"https://arxiv.org/pdf/{paper.id}"
            read_so_far += 1
    assert read_so_far == 224  # 221 of the present server, 2 of the excerpt, 1 of the old server


def tag(element: ElementTree.Element, name: str, namespace: str = ATOM) -> str:
    return re.sub(r"\s+", " ", element.findtext(namespace + name, "")).strip()


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").astimezone(UTC)


def test_recorded_error_feeds_say_what_was_wrong_and_hold_no_paper(shared_data: Path) -> None:
    errors = {
        path.name: found.error
        for path in api_answers(shared_data)
        if (found := read(path.read_bytes())).error is not None and found.papers == ()
    }
    assert len(errors) == 2
    assert set(errors.values()) == {
        "incorrect id format for abc",
        "incorrect id format for 2202.016",
    }


def test_answers_of_arxivs_other_services_are_refused(shared_data: Path) -> None:
    others = [
        path
        for path in (shared_data / "arxiv" / "recorded").glob("*.xml")
        if path not in api_answers(shared_data)
    ]
    assert others
    for path in others:
        refusal(path.read_bytes())


# What must come out


def test_a_whole_feed_becomes_papers() -> None:
    body = feed(
        standin_paper(
            7,
            title="A  title\n  over two lines with $\\alpha$ & <b>",
            abstract="  Two spaces first.\nA line break.",
            version=3,
            updated=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
            comment="12 pages",
            journal_ref="J. Inv. 1 (2026)",
            doi="10.1000/1 10.1000/2",
        ),
        total=4711,
    )
    found = read(body)
    [paper] = found.papers
    assert (found.total, found.start) == (4711, 0)
    assert found.updated == NOON
    assert found.error is None
    assert (paper.id, paper.version, paper.serial) == ("2602.00007", 3, 202602 * 10**7 + 7)
    assert paper.title == "A title over two lines with $\\alpha$ & <b>"
    assert paper.abstract == "Two spaces first. A line break."
    assert paper.authors == ("Ada Example", "Ben Sample")
    assert paper.categories == ("cs.LG", "cs.CL")
    assert paper.primary_category == "cs.LG"
    assert paper.updated == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert (paper.comment, paper.journal_ref) == ("12 pages", "J. Inv. 1 (2026)")
    assert paper.doi == "10.1000/1 10.1000/2"
    assert paper.url == "https://arxiv.org/abs/2602.00007"
    assert paper.pdf_url == "https://arxiv.org/pdf/2602.00007"


def test_zero_is_a_title() -> None:
    assert read(feed(standin_paper(title="0"))).papers[0].title == "0"


def test_an_old_style_id_is_an_id() -> None:
    [paper] = read(feed(standin_paper(id="hep-th/0408048"))).papers
    assert paper.id == "hep-th/0408048"
    assert paper.url == "https://arxiv.org/abs/hep-th/0408048"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_address_of_either_scheme_is_an_id(scheme: str) -> None:
    body = feed(standin_paper()).replace(b"<id>http://", f"<id>{scheme}://".encode())
    assert read(body).papers[0].id == "2602.00001"


def test_an_id_without_version_is_the_first_if_it_was_never_updated() -> None:
    first = feed(standin_paper(1)).replace(b"00001v1</id>", b"00001</id>")
    later = feed(standin_paper(1, updated=NOON)).replace(b"00001v1</id>", b"00001</id>")
    assert [read(body).papers[0].version for body in (first, later)] == [1, 2]


def test_an_empty_feed_is_an_answer() -> None:
    found = read(feed())
    assert found.papers == ()
    assert found.total == 0
    assert found.error is None


def test_an_error_feed_is_an_error_whatever_its_status() -> None:
    found = read(render_error("incorrect id format for abc", NOON))
    assert found.error == "incorrect id format for abc"
    assert found.papers == ()


def test_what_arxiv_says_of_an_error_turns_no_line_and_hides_nothing() -> None:
    found = read(render_error("wrong \u202eid\u2066 for\u200b \ufdd0abc " + "x" * 900, NOON))
    assert found.error is not None
    assert found.error.startswith("wrong id for abc xxx")
    assert len(found.error) == 300


LARGEST = 3 * 1024 * 1024


@pytest.mark.parametrize("field", ["title", "abstract", "comment", "journal_ref"])
def test_a_field_of_megabytes_is_cut_and_the_paper_is_kept(field: str) -> None:
    body = feed(standin_paper(1, **{field: "x " * (LARGEST // 2)}), standin_paper(2))
    long, plain = read(body).papers
    most = MAX_LENGTHS[field]
    assert len(getattr(long, field)) in {most - 1, most}
    assert getattr(long, field).endswith("x…")
    assert plain == read(feed(standin_paper(2))).papers[0]


def test_a_hundred_thousand_authors_and_a_name_of_megabytes_are_bounded() -> None:
    names = ["x" * LARGEST, *(f"Author {number}" for number in range(100_000))]
    [found] = read(feed(standin_paper(1, authors=tuple(names)))).papers
    assert len(found.authors) == MAX_AUTHORS
    assert max(map(len, found.authors)) == MAX_NAME_LENGTH
    assert found.authors[1] == "Author 0"


def test_text_that_nobody_reads_is_not_held_in_memory() -> None:
    """Also that of a field, beyond what is kept of it."""
    large = 5_000_000
    filler = "y" * large
    body = feed(standin_paper(1, title="x" * large)).replace(
        b"</entry>", f"<other>{filler}</other>{filler}</entry>".encode()
    )
    reader = AtomReader()
    tracemalloc.start()
    for start in range(0, len(body), 16_384):
        reader.feed(body[start : start + 16_384])
    [found] = reader.close().papers
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(body) > 3 * large
    assert peak < large + large // 5, "some pieces of a megabyte, not the text"
    assert len(found.title) == MAX_LENGTHS["title"]


def test_utf_16_is_read_as_well() -> None:
    text = feed(standin_paper(title="Ω and 論文")).decode()
    found = read(text.replace("'UTF-8'", "'UTF-16'").encode("utf-16"))
    assert found.papers[0].title == "Ω and 論文"


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_the_size_of_the_pieces_does_not_matter(size: int) -> None:
    body = feed(*(standin_paper(number) for number in range(1, 6)))
    assert in_pieces(AtomReader(), body, size) == read(body)


def test_a_feed_of_several_megabytes_is_whole() -> None:
    numbers = range(1, 2001)
    body = feed(*(standin_paper(number, abstract="word " * 400) for number in numbers))
    assert len(body) > 5 * 1024**2  # so several pieces
    found = in_pieces(AtomReader(), body, 10_000)
    assert [paper.serial % 10**7 for paper in found.papers] == list(numbers)


# What must be refused, and say where and what


@pytest.mark.parametrize(
    ("pattern", "replacement", "problem"),
    [
        (rb"<id>http://arxiv.org/abs/", rb"<id>http://arxiv.org/pdf/", "the id of entry 2"),
        (rb"<id>http://arxiv.org/abs/", rb"<id>http://example.org/abs/", "the id of entry 2"),
        (rb"2602.00002v1</id>", rb"2602.2v1</id>", "the id of entry 2"),
        (rb"<id>.*?</id>", rb"", "entry 2 has no <id>"),
        (rb"<title>.*?</title>", rb"", "entry 2 .*2602.00002.* has no <title>"),
        (rb"<title>.*?</title>", rb"<title> </title>", "empty title"),
        (rb"(<title>.*?</title>)", rb"\1\1", "entry 2 .*has two <title>"),
        (
            rb"<title>(.*?)</title>",
            rb"<title>\1<i>x</i>y</title>",
            "<title> of entry 2 .*has markup",
        ),
        (rb"<summary>.*?</summary>", rb"", "has no <summary>"),
        (rb"<published>.*?</published>", rb"", "has no <published>"),
        (rb"<updated>.*?</updated>", rb"", "has no <updated>"),
        (rb"<published>2026-02", rb"<published>2026-13", "<published> of entry 2 .* not a time"),
        (rb"Z</published>", rb"</published>", "not a time"),
        (rb"<published>.*?Z", rb"<published>0001-01-01T00:00:00+23:59", "not a time"),
        (
            rb"<updated>.*?</updated>",
            rb"<updated>today</updated>",
            "<updated> of entry 2 .*'today'",
        ),
        (rb'term="cs.LG" scheme', rb"scheme", "<category> without a term"),
        (rb"<category .*?/>", rb"", "has no <category>"),
        (rb"<author>.*</author>", rb"", "has no author"),
        (rb"<name>Ada Example</name>", rb"<name> </name>", "without a name"),
    ],
)
def test_one_faulty_entry_is_never_just_left_out(
    pattern: bytes, replacement: bytes, problem: str
) -> None:
    body = feed(standin_paper(1), standin_paper(2))
    start = body.rindex(b"<entry>")
    faulty, changes = re.subn(pattern, replacement, body[start:], flags=re.DOTALL)
    assert changes
    error = refusal(body[:start] + faulty)
    assert re.search(problem, str(error))
    assert error.sample == (body[:start] + faulty)[:SAMPLE_BYTES]


@pytest.mark.parametrize(
    ("pattern", "replacement", "problem"),
    [
        (rb"<opensearch:totalResults>.*?</opensearch:totalResults>", rb"", "totalResults"),
        (rb"<opensearch:totalResults>1", rb"<opensearch:totalResults>-1", "totalResults"),
        (rb"<opensearch:startIndex>0", b"<opensearch:startIndex>\xd9\xa0", "startIndex"),
        (rb"<opensearch:itemsPerPage>", rb"<opensearch:itemsPerPage>ten", "itemsPerPage"),
        (rb"<updated>.*?</updated>", rb"", "<updated> of the feed"),
        (rb"http://www.w3.org/2005/Atom", rb"http://example.org/", "not an Atom feed"),
        (rb"<feed ", rb"<!DOCTYPE feed><feed ", "DTD"),
        (rb"</feed>", rb"</feed><feed/>", "not XML"),
        (rb"UTF-8", rb"utf-7", "not XML"),
        (rb"UTF-8", rb"x-unknown", "not XML"),
        (rb"Ada", b"\xff\xfe", "not XML"),
        (rb"Ada", rb"&nbsp;", "not XML"),
        (rb"Ada", b"\x00", "not XML"),
    ],
)
def test_a_faulty_feed_is_refused(pattern: bytes, replacement: bytes, problem: str) -> None:
    body, changes = re.subn(pattern, replacement, feed(standin_paper()), count=1, flags=re.DOTALL)
    assert changes
    assert re.search(problem, str(refusal(body)))


@pytest.mark.parametrize("body", [b"", b" \n", b"Rate exceeded.", b"<html></html>", b'{"a": 1}'])
def test_what_is_no_feed_is_refused(body: bytes) -> None:
    assert refusal(body).sample == body


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_truncated_answer_is_a_failure_not_an_empty_day(part: float) -> None:
    body = feed(*(standin_paper(number) for number in range(1, 100)))
    error = refusal(body[: int(len(body) * part)])
    assert "cut off" in str(error)


# Hostile answers


def billion_laughs() -> bytes:
    levels = [f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)]
    return f'<!DOCTYPE x [<!ENTITY l0 "ha">{"".join(levels)}]>{OPEN_FEED}&l9;</feed>'.encode()


def quadratic(size: int, times: int) -> bytes:
    entity = "x" * size
    return f'<!DOCTYPE x [<!ENTITY e "{entity}">]>{OPEN_FEED}{"&e;" * times}</feed>'.encode()


def external(address: str) -> bytes:
    return f'<!DOCTYPE x [<!ENTITY e SYSTEM "{address}">]>{OPEN_FEED}&e;</feed>'.encode()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(billion_laughs(), id="billion laughs"),
        pytest.param(quadratic(50_000, 20_000), id="quadratic, 1 GB"),
        pytest.param(quadratic(5_000, 1_500), id="quadratic, 7.5 MB"),
        pytest.param(f'<!DOCTYPE x SYSTEM "x.dtd">{OPEN_FEED}</feed>'.encode(), id="external DTD"),
        pytest.param(
            f'<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x>{OPEN_FEED}</feed>'.encode(
                "utf-16"
            ),
            id="UTF-16",
        ),
    ],
)
@pytest.mark.parametrize("size", [64, 2**20])
def test_a_dtd_is_refused_before_anything_is_expanded(body: bytes, size: int) -> None:
    with pytest.raises(SourceGarbled, match="DTD"):
        in_pieces(AtomReader(), body, size)


def test_expat_alone_would_expand_what_we_refuse() -> None:
    # The control: it is the guard that refuses, not the parser below it.
    root = ElementTree.fromstring(quadratic(5_000, 1_500))
    assert len("".join(root.itertext())) == 5_000 * 1_500


@pytest.fixture
def listener() -> Iterator[tuple[str, list[bytes]]]:
    """A web server that writes down who calls."""
    calls: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                calls.append(connection.recv(100))

    thread = threading.Thread(target=accept)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}/x", calls
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


def test_nothing_that_an_answer_names_is_loaded(
    listener: tuple[str, list[bytes]], tmp_path: Path
) -> None:
    address, calls = listener
    secret = tmp_path / "secret"
    secret.write_text("do not tell")
    for body in (external(address), external(secret.as_uri())):
        error = refusal(body)
        assert "do not tell" not in str(error)
    assert calls == []
    # The control: the listener does notice a caller.
    with socket.create_connection(
        ("127.0.0.1", int(address.split(":")[2].split("/")[0]))
    ) as caller:
        caller.sendall(b"GET /x")
        caller.shutdown(socket.SHUT_WR)
        caller.recv(1)
    assert calls == [b"GET /x"]


def test_a_hundred_thousand_levels_are_refused() -> None:
    deep = f"{OPEN_FEED}{'<a>' * 100_000}{'</a>' * 100_000}</feed>".encode()
    assert "levels deep" in str(refusal(deep))


def test_sixty_four_megabytes_are_refused_before_they_are_all_there() -> None:
    reader = AtomReader()
    reader.feed(f"{OPEN_FEED}<title>".encode())
    taken = 0
    with pytest.raises(SourceGarbled, match="larger than 16 MiB"):  # noqa: PT012
        for piece in islice(iter(lambda: b"x" * 65536, b""), 1024):
            reader.feed(piece)
            taken += len(piece)
    assert taken <= MAX_BODY_BYTES


def test_a_comment_of_sixteen_megabytes_in_small_pieces_is_just_a_comment() -> None:
    body = feed(standin_paper())
    comment = b"<!--" + b"x" * (MAX_BODY_BYTES - len(body) - 100) + b"-->"
    found = in_pieces(AtomReader(), body.replace(b"</feed>", comment + b"</feed>"), 64 * 1024)
    assert len(found.papers) == 1


# Any bytes at all

FEED = feed(standin_paper(1, comment="12 pages", doi="10.1000/1"), standin_paper(2))


@given(st.binary(max_size=300))
@example(b"\xff\xfe<\x00")
@example(b'<?xml version="1.0" encoding="\xff"?><a/>')
def test_any_bytes_are_a_feed_or_refused(body: bytes) -> None:
    refusal(body)  # a feed of so few bytes there is not


@given(
    cuts(
        FEED,
        [
            *(b"<", b">", b"&", b"</entry>", b"<entry>", b"<!--", b"]]>"),
            *(b"<title>", b"<?x?>", b"&#0;", b"\xc3", b"<![CDATA["),
        ],
        longest=60,
    ),
    st.sampled_from([1, 100, 10**6]),
)
def test_a_mutilated_feed_is_understood_or_refused(made: Cuts, size: int) -> None:
    try:
        found = in_pieces(AtomReader(), mutilated(FEED, made), size)
    except SourceGarbled:
        return
    assert len(found.papers) <= 2
    for paper in found.papers:
        assert paper.title
        assert paper.authors
        assert paper.published.tzinfo is UTC


def test_expat_is_new_enough_to_defend_itself() -> None:
    # Against an older one, in a system's own library, the guard is all there is.
    assert expat.version_info >= (2, 4, 1)
