"""A record that can't be read is named, and an answer that is none of OAI-PMH is refused."""

from __future__ import annotations

import re
from datetime import UTC
from itertools import islice

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.arxiv.oai_page import MAX_PAGE_BYTES, OaiPage, OaiReader, read
from bot.arxiv.xml_stream import SAMPLE_BYTES
from bot.errors import SourceGarbled
from tests.arxiv.hostile import Cuts, cuts, in_pieces, mutilated
from tests.arxiv.oai_answers import OPEN, TOKEN, answer, changed, headers, record, refusal
from tests.wire.oai_xml import NAMESPACE

# One record that can't be read


@pytest.mark.parametrize(
    ("pattern", "replacement", "problem"),
    [
        (b"<metadata>.*?</metadata>", b"", "no metadata of the format arXiv"),
        (b"<metadata>.*?</metadata>", b"<metadata/>", "no metadata of the format arXiv"),
        (b"<arXiv .*?</arXiv>", b"<x><title>a<i>b</i></title></x>", "of the format arXiv"),
        (b"<id>.*?</id>", b"", "has no <id>"),
        (b"<id>.*?</id>", b"<id>2602.00001</id>", "holds the paper '2602.00001'"),
        (b"<id>.*?</id>", b"<id>2602.00002v2</id>", "holds the paper '2602.00002v2'"),
        (b"<id>.*?</id>", b"<id>two</id>", "holds the paper 'two'"),
        (b"<created>.*?</created>", b"", "has no <created>"),
        (b"<created>.*?<", b"<created>0000-00-00<", "<created> that is no day: '0000-00-00'"),
        (b"<created>.*?<", b"<created>2026-02-30<", "<created> that is no day"),
        (b"<created>.*?<", b"<created>26-2-3<", "<created> that is no day"),
        (b"<created>.*?<", "<created>٢٠٢٦-٠٢-٠٣<".encode(), "<created> that is no day"),
        (b"<created>.*?<", b"<created>2026-02-03T00:00:00Z<", "<created> that is no day"),
        (b"<title>.*?</title>", b"", "has no <title>"),
        (b"<title>.*?</title>", b"<title> \n </title>", "has no <title>"),
        (b"(<title>.*?</title>)", rb"\1\1", "has two <title>"),
        (b"<title>(.)", rb"<title>\1<sub>2</sub>", "has markup inside <title>"),
        (b"<keyname>(.)", rb"<keyname>\1<b/>", "has markup inside <keyname>"),
        (b"<abstract>.*?</abstract>", b"", "has no <abstract>"),
        (b"<categories>.*?</categories>", b"", "has no <categories>"),
        (b"<categories>.*?<", b"<categories> <", "has no <categories>"),
        (b"<authors>.*?</authors>", b"", "has no author, or one without a name"),
        (b"<authors>.*?</authors>", b"<authors>Ada</authors>", "has no author"),
        (b"<keyname>.*?</forenames>", b"", "one without a name"),
        (b"<keyname>.*?</forenames>", b"<affiliation>Y</affiliation>", "one without a name"),
        (b"(<keyname>.*?</keyname>)", rb"\1\1", "has two <keyname>"),
        (
            b"<abstract>",
            b"<comments>a</comments><comments>b</comments><abstract>",
            "two <comments>",
        ),
    ],
)
def test_a_record_that_can_not_be_read_is_named_and_the_others_are_read(
    pattern: bytes, replacement: bytes, problem: str
) -> None:
    body = answer([record(1), record(2), record(3)], token=TOKEN)
    found = read(changed(body, pattern, replacement))
    assert found.ids == ("2602.00001", "2602.00002", "2602.00003")
    assert [paper.id for paper in found.papers] == ["2602.00001", "2602.00003"]
    [(paper_id, why)] = found.damaged
    assert paper_id == "2602.00002"
    assert why.startswith("record 2 (oai:arXiv.org:2602.00002) ")
    assert problem in why
    assert found.token == TOKEN


IDENTIFIER = b"<identifier>.*?</identifier>"


@pytest.mark.parametrize("verb", ["ListRecords", "ListIdentifiers"])
@pytest.mark.parametrize(
    ("pattern", "replacement", "problem"),
    [
        (IDENTIFIER, b"", "record 2 () does not name a paper"),
        (IDENTIFIER, b"<identifier/>", "record 2 () does not name a paper"),
        (b"oai:arXiv.org:", b"oai:example.org:", "(oai:example.org:2602.00002) does not name"),
        (b"oai:arXiv.org:", b"", "(2602.00002) does not name"),
        (b"2602.00002<", b"2613.00002<", "does not name"),
        (b"2602.00002<", b"2602.2<", "does not name"),
        (b"2602.00002<", b"<b>2602.00002</b><", "record 2 () does not name"),
        (f"({IDENTIFIER.decode()})".encode(), rb"\1\1", "names 2 papers"),
    ],
)
def test_a_record_that_names_no_paper_is_remarked_and_no_more(
    verb: str, pattern: bytes, replacement: bytes, problem: str
) -> None:
    whole = [record(number) for number in (1, 2, 3)]
    body = answer(whole if verb == "ListRecords" else headers(*whole), verb)
    found = read(changed(body, pattern, replacement))
    assert found.ids == ("2602.00001", "2602.00003")
    [(paper_id, why)] = found.damaged
    assert paper_id == ""
    assert problem in why


def test_a_remark_on_a_record_quotes_no_more_than_a_line() -> None:
    body = answer([record(1), record(2)])
    for pattern in (b"<identifier>", b"<id>", b"<created>"):
        [(_, why)] = read(changed(body, pattern, pattern + b"x" * 10_000)).damaged
        assert len(why) < 300


# What must be refused


@pytest.mark.parametrize(
    ("pattern", "replacement", "problem"),
    [
        (b"<responseDate>.*?</responseDate>", b"", "<responseDate> of the answer"),
        (b"<responseDate>.*?<", b"<responseDate>today<", "<responseDate> of the answer"),
        (b"(<responseDate>.*?</responseDate>)", rb"\1\1", "two <responseDate>"),
        (b"<responseDate>", b"<responseDate><b/>", "markup"),
        (b"(<resumptionToken.*?</resumptionToken>)", rb"\1\1", "two <resumptionToken>"),
        (b"</ListRecords>", b'</ListRecords><error code="noRecordsMatch"/>', "records, and the"),
        (b"ListRecords>", b"Identify>", "neither a list nor an error"),
        (b"ListRecords>", b"GetRecord>", "neither a list nor an error"),
        (NAMESPACE.encode(), b"http://example.org/", "not one of OAI-PMH"),
        (b"<OAI-PMH ", b"<!DOCTYPE x><OAI-PMH ", "DTD"),
        (b"</OAI-PMH>", b"</OAI-PMH><OAI-PMH/>", "not XML"),
        (b"Ada", b"\xff\xfe", "not XML"),
        (b"Ada", b"&nbsp;", "not XML"),
        (b"Ada", b"\x0b", "not XML"),
        (b"UTF-8", b"utf-7", "not XML"),
    ],
)
def test_a_faulty_answer_is_refused(pattern: bytes, replacement: bytes, problem: str) -> None:
    count = 0 if pattern == b"ListRecords>" else 1
    whole = answer([record()], token=TOKEN)
    body, changes = re.subn(pattern, replacement, whole, count=count, flags=re.DOTALL)
    assert changes
    error = refusal(body)
    assert problem in str(error)
    assert error.sample == body[:SAMPLE_BYTES]


@pytest.mark.parametrize("body", [b"", b" \n", b"Rate exceeded.", b"<html></html>", b'{"a": 1}'])
def test_what_is_no_answer_of_oai_pmh_is_refused(body: bytes) -> None:
    assert refusal(body).sample == body


WHOLE = answer([record(1, comment="12 pages"), record(2)], token=TOKEN)


def test_an_answer_cut_at_any_byte_is_refused() -> None:
    end = WHOLE.rindex(b">") + 1
    for length in range(end):
        refusal(WHOLE[:length])
    assert len(read(WHOLE[:end]).papers) == 2


def test_white_space_before_an_answer_is_no_empty_answer() -> None:
    body = WHOLE.partition(b"?>")[2]
    assert read(b" \n" * SAMPLE_BYTES + body) == read(body)


# Hostile answers


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            f'<!DOCTYPE x [<!ENTITY a "{"x" * 5000}">]>{OPEN}{"&a;" * 5000}</OAI-PMH>', id="bomb"
        ),
        pytest.param(f'<!DOCTYPE x SYSTEM "file:///x.dtd">{OPEN}</OAI-PMH>', id="from outside"),
    ],
)
@pytest.mark.parametrize("size", [64, 2**20])
def test_a_dtd_is_refused_before_anything_is_expanded(body: str, size: int) -> None:
    with pytest.raises(SourceGarbled, match="DTD"):
        in_pieces(OaiReader(), body.encode(), size)


@pytest.mark.parametrize("inside", ["", "<ListRecords><record><metadata><arXiv>"])
def test_a_hundred_thousand_levels_are_refused(inside: str) -> None:
    assert "levels deep" in str(refusal(f"{OPEN}{inside}{'<a>' * 100_000}".encode()))


@pytest.mark.parametrize("where", ["<x>", "<ListRecords><resumptionToken>", "<error code='a'>"])
def test_more_than_sixty_four_megabytes_are_refused_before_they_are_all_there(where: str) -> None:
    reader = OaiReader()
    reader.feed(f"{OPEN}{where}".encode())
    taken = 0
    with pytest.raises(SourceGarbled, match="larger than 64 MiB"):  # noqa: PT012
        for piece in islice(iter(lambda: b"x" * 2**20, b""), 100):
            reader.feed(piece)
            taken += len(piece)
    assert taken <= MAX_PAGE_BYTES


@pytest.mark.parametrize(
    "encoding", ["unicode_escape", "rot13", "idna", "shift_jis", "utf-7", "cp1252", "this.or.that"]
)
def test_an_encoding_that_python_would_have_to_look_for_is_refused(encoding: str) -> None:
    body = f'<?xml version="1.0" encoding="{encoding}"?>{OPEN}</OAI-PMH>'.encode()
    assert f"not XML in an encoding of arXiv's: '{encoding}'" in str(refusal(body))


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "utf-16", "us-ascii", "ISO-8859-1"])
def test_the_encodings_of_every_xml_parser_are_read(encoding: str) -> None:
    text = (
        WHOLE.decode().replace("UTF-8", encoding).replace("Ada", "Adà" if "8" in encoding else "A")
    )
    assert len(read(text.encode(encoding)).papers) == 2


# Any bytes at all


@given(st.binary(max_size=300))
@example(b"\xff\xfe<\x00")
@example(b'<?xml version="1.0" encoding="\xff"?><a/>')
def test_any_bytes_are_an_answer_or_refused(body: bytes) -> None:
    refusal(body)  # an answer of so few bytes there is not


SNIPPETS = (
    *("<", ">", "&", "</record>", "<record>", "<header>", "</header>", "<!--", "]]>", "&#0;"),
    *("<title>", "</title>", "<authors>", "<author>", "</author>", "<keyname>", "<created>"),
    *("<identifier>oai:arXiv.org:2602.00009</identifier>", "<id>2602.00009</id>", "<metadata>"),
    *('<header status="deleted">', '<error code="noRecordsMatch">', "</error>", "<arXiv>"),
    *("<ListIdentifiers>", "</ListRecords>", "<resumptionToken/>", "<?x?>", "<![CDATA["),
)


@given(
    cuts(WHOLE, [each.encode() for each in SNIPPETS], longest=200),
    st.sampled_from([1, 100, 10**6]),
)
def test_a_mutilated_answer_is_understood_or_refused(made: Cuts, size: int) -> None:
    try:
        found = in_pieces(OaiReader(), mutilated(WHOLE, made), size)
    except SourceGarbled:
        return
    if found.error is not None:
        assert found == OaiPage(found.answered, error=found.error)
        return
    assert found.ids or found.damaged or found.token
    assert {paper.id for paper in found.papers} <= set(found.ids)
    assert {paper_id for paper_id, _ in found.damaged} <= {"", *found.ids}
    for paper in found.papers:
        assert paper.title
        assert paper.abstract
        assert all(paper.authors)
        assert paper.primary_category in paper.categories
        assert paper.published.tzinfo is UTC
        assert not paper.has_full_metadata
