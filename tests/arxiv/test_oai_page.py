"""Bytes of OAI-PMH → records, as they stand there."""

from __future__ import annotations

import re
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bot.arxiv.oai_page import OaiPage, OaiReader, Selection, read
from bot.arxiv.xml_stream import MAX_BODY_BYTES
from bot.model import VERSION_UNKNOWN, Unmatched
from bot.model.papers import MAX_AUTHORS, MAX_CATEGORIES, MAX_LENGTHS
from tests.arxiv.feeds import NOON
from tests.arxiv.hostile import in_pieces
from tests.arxiv.oai_answers import OPEN, TOKEN, answer, changed, headers, record, refusal
from tests.wire.oai_xml import NAMESPACE

OAI = f"{{{NAMESPACE}}}"


def erring(*codes: str) -> bytes:
    errors = "".join(f'<error code="{code}">Because of {code}.</error>' for code in codes)
    return f"{OPEN}{errors}</OAI-PMH>".encode()


# Real answers, recorded by other projects


def recorded(folder: Path) -> list[Path]:
    return sorted((folder / "arxiv" / "recorded").glob("*__oai_*arXiv_*.xml"))


def test_every_recorded_record_is_read_field_by_field(shared_data: Path) -> None:
    read_so_far = 0
    damaged: list[str] = []
    for path in recorded(shared_data):
        # Nobody here asks for single records, which differ in this name alone.
        body = path.read_bytes().replace(b"GetRecord>", b"ListRecords>")
        found = read(body)
        root = ElementTree.fromstring(body)
        assert found.answered == datetime.fromisoformat(tag(root, "responseDate"))
        records = {tag(each, "identifier"): each for each in root.iter(f"{OAI}record")}
        assert [f"oai:arXiv.org:{each}" for each in found.ids] == list(records)
        assert found.token == ""
        damaged += [paper_id for paper_id, _ in found.damaged]
        for paper in found.papers:
            element = records[f"oai:arXiv.org:{paper.id}"]
            created = datetime.fromisoformat(tag(element, "created")).replace(tzinfo=UTC)
            assert (paper.published, paper.updated, paper.version) == (
                created,
                created,
                VERSION_UNKNOWN,
            )
            assert paper.title == tag(element, "title")
            assert paper.abstract == tag(element, "abstract")
            assert " ".join(paper.categories) == tag(element, "categories")
            assert paper.primary_category == paper.categories[0]
            assert paper.comment == tag(element, "comments")
            assert paper.journal_ref == tag(element, "journal-ref")
            assert paper.doi == tag(element, "doi")
            people = [each for each in element.iter() if each.tag.endswith("}author")]
            names = [f"{tag(each, 'forenames')} {tag(each, 'keyname')}".strip() for each in people]
            assert list(paper.authors) == names
            read_so_far += 1
    assert read_so_far == 15  # 3 of the present server, 12 of the one before 2025
    assert damaged == ["1606.07066"]  # edited by who keeps it: an author with two key names


def tag(element: ElementTree.Element, name: str) -> str:
    """The text of the first such element, whatever its namespace."""
    texts = (each.text or "" for each in element.iter() if each.tag.rpartition("}")[2] == name)
    return re.sub(r"\s+", " ", next(texts, "")).strip()


def test_records_of_another_format_are_named_and_not_read(shared_data: Path) -> None:
    [path] = (shared_data / "arxiv" / "recorded").glob("*__oai_ListRecords_arXivRaw_*.xml")
    found = read(path.read_bytes())
    assert found.papers == ()
    assert found.ids == ("2609.27532", "2609.28570")
    assert [paper_id for paper_id, _ in found.damaged] == list(found.ids)


def test_a_bare_record_without_its_envelope_is_refused(shared_data: Path) -> None:
    bare = sorted((shared_data / "arxiv" / "recorded").glob("*__oai_dc_record__*.xml"))
    assert len(bare) == 2
    for path in bare:
        assert "not one of OAI-PMH but <record>" in str(refusal(path.read_bytes()))


# What must come out


@pytest.mark.parametrize(
    ("given", "field"),
    [("title", "title"), ("abstract", "abstract"), ("comment", "comment"),
     ("journal_ref", "journal_ref"), ("doi", "doi")],
)  # fmt: skip
def test_a_field_of_megabytes_is_cut_and_the_record_is_kept(given: str, field: str) -> None:
    found = read(answer([record(1, **{given: "x " * 1_000_000}), record(2)]))
    assert found.damaged == ()
    assert len(getattr(found.papers[0], field)) in {MAX_LENGTHS[field] - 1, MAX_LENGTHS[field]}
    assert found.papers[1] == read(answer([record(2)])).papers[0]


def test_a_page_costs_as_much_memory_as_what_is_kept_of_it_whatever_its_size() -> None:
    """Sixteen pages of 55 MB took 941 MB."""

    def peak(body: bytes) -> int:
        reader = OaiReader(Selection(wanted=lambda paper: paper.id == "2602.00007"))
        tracemalloc.start()
        for start in range(0, len(body), 2**16):
            reader.feed(body[start : start + 2**16])
        page = reader.close()
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert [paper.id for paper in page.papers] == ["2602.00007"]
        assert page.unmatched.count == len(page.ids) - 1
        return used

    abstract = "word " * 3_800
    small, large = (
        answer([record(n, abstract=abstract) for n in range(1, count + 1)]) for count in (200, 800)
    )
    assert len(large) > 15_000_000
    assert peak(large) < 1.1 * peak(small) < 6_000_000


def test_a_paper_below_the_floor_is_neither_kept_nor_counted() -> None:
    reader = OaiReader(Selection(floor=202602 * 10**7 + 2))
    page = in_pieces(reader, answer([record(1), record(2)]), 1000)
    assert [paper.id for paper in page.papers] == ["2602.00002"]
    assert page.unmatched == Unmatched()
    assert page.ids == ("2602.00001", "2602.00002")


def test_a_posted_paper_is_kept_whatever_its_age_and_whether_it_matches() -> None:
    reader = OaiReader(
        Selection(
            floor=202602 * 10**7 + 3,
            wanted=lambda paper: paper.id == "2602.00003",
            posted={"2602.00001", "2602.00003", "2602.00004"},
        )
    )
    page = in_pieces(reader, answer([record(n) for n in range(1, 5)]), 1000)
    assert [paper.id for paper in page.papers] == ["2602.00003"]
    assert [paper.id for paper in page.revised] == ["2602.00001", "2602.00004"]
    assert page.unmatched.count == 1


def test_a_hundred_thousand_authors_and_categories_are_bounded() -> None:
    body = answer([
        record(1, authors=tuple(f"Ada Author{n}" for n in range(30_000))),
        record(2, categories=("cs.LG",) * 30_000),
    ])  # fmt: skip
    many, wide = read(body).papers
    assert (len(many.authors), len(wide.categories)) == (MAX_AUTHORS, MAX_CATEGORIES)


def test_a_whole_record_becomes_a_paper_with_what_it_says_and_no_more() -> None:
    body = answer(
        [
            record(
                7,
                title="A  title\n  over two lines with $\\alpha$ & <b>",
                abstract="  Two spaces first.\nIt's a line break.",
                version=3,
                published=datetime(2026, 1, 5, 9, 30, tzinfo=UTC),
                updated=datetime(2026, 2, 26, 23, 59, tzinfo=UTC),
                authors=("Ada von Example", "Ben Q. Sample Jr.", "The Invented Collaboration"),
                comment="12 pages",
                journal_ref="J. Inv. 1 (2026)",
                doi="10.1000/1",
            )
        ]
    )
    found = read(body)
    [paper] = found.papers
    assert (found.answered, found.token, found.error, found.damaged) == (NOON, "", None, ())
    assert found.ids == ("2602.00007",)
    assert (paper.id, paper.version, paper.serial) == (
        "2602.00007",
        VERSION_UNKNOWN,
        202602 * 10**7 + 7,
    )
    assert paper.title == "A title over two lines with $\\alpha$ & <b>"
    assert paper.abstract == "Two spaces first. It's a line break."
    assert paper.authors == ("Ada von Example", "Ben Q. Sample Jr.", "The Invented Collaboration")
    assert (paper.categories, paper.primary_category) == (("cs.LG", "cs.CL"), "cs.LG")
    # The day of the present version: that of the first is not said.
    assert paper.published == paper.updated == datetime(2026, 2, 26, tzinfo=UTC)
    assert (paper.comment, paper.journal_ref, paper.doi) == (
        "12 pages",
        "J. Inv. 1 (2026)",
        "10.1000/1",
    )
    assert paper.url == "https://arxiv.org/abs/2602.00007"
    assert paper.pdf_url == "https://arxiv.org/pdf/2602.00007"


def test_what_a_record_need_not_say_may_be_absent() -> None:
    [paper] = read(answer([record()])).papers
    assert (paper.comment, paper.journal_ref, paper.doi) == ("", "", "")


@pytest.mark.parametrize("paper_id", ["hep-th/9901001", "math.GT/0309136", "2611.123456"])
def test_an_id_of_any_form_is_an_id(paper_id: str) -> None:
    [paper] = read(answer([record(id=paper_id)])).papers
    assert (paper.id, paper.url) == (paper_id, f"https://arxiv.org/abs/{paper_id}")


def test_numeric_references_are_characters() -> None:
    body = changed(
        answer([record(1), record(2)]), b"<title>.*?<", b"<title>&#xd6;zel&#39;s &#937;<"
    )
    assert read(body).papers[1].title == "Özel's Ω"


@pytest.mark.parametrize("day", ["1986-04-25", "2026-02-28", "2028-02-29"])
def test_any_day_of_the_calendar_is_a_day(day: str) -> None:
    body = changed(answer([record(1), record(2)]), b"<created>.*?<", f"<created>{day}<".encode())
    assert read(body).papers[1].published == datetime.fromisoformat(f"{day}T00:00:00+00:00")


def test_a_list_of_headers_has_ids_and_no_papers() -> None:
    found = read(answer(headers(record(1), record(2)), "ListIdentifiers"))
    assert found.ids == ("2602.00001", "2602.00002")
    assert (found.papers, found.damaged) == ((), ())


@pytest.mark.parametrize("verb", ["ListRecords", "ListIdentifiers"])
def test_a_deleted_record_is_an_id_without_a_paper(verb: str) -> None:
    whole = [record(1), record(2)] if verb == "ListRecords" else headers(record(1), record(2))
    body = answer(whole, verb).replace(b"<header>", b'<header status="deleted">', 1)
    found = read(body)
    assert found.ids == ("2602.00001", "2602.00002")
    assert [paper.id for paper in found.papers] == (["2602.00002"] if verb == "ListRecords" else [])
    assert found.damaged == ()


def test_the_same_paper_twice_is_there_twice() -> None:
    found = read(answer([record(1), record(1)]))
    assert found.ids == ("2602.00001", "2602.00001")
    assert len(found.papers) == 2


@pytest.mark.parametrize(("token", "expected"), [(None, ""), ("", ""), (TOKEN, TOKEN)])
def test_a_token_asks_for_more_and_an_empty_one_for_nothing(
    token: str | None, expected: str
) -> None:
    assert read(answer([record()], token=token)).token == expected


def test_an_empty_page_with_a_token_is_one_of_a_chain() -> None:
    found = read(answer([], token=TOKEN))
    assert (found.ids, found.token) == ((), TOKEN)


@pytest.mark.parametrize("verb", ["ListRecords", "ListIdentifiers"])
@pytest.mark.parametrize("token", [None, ""])
def test_an_empty_list_is_no_empty_day(verb: str, token: str | None) -> None:
    """That is the error ``noRecordsMatch``."""
    assert "empty list" in str(refusal(answer([], verb, token)))


@pytest.mark.parametrize(
    "code",
    [
        *("badArgument", "badResumptionToken", "badVerb", "cannotDisseminateFormat"),
        *("idDoesNotExist", "noRecordsMatch", "noMetadataFormats", "noSetHierarchy", "overloaded"),
    ],
)
def test_an_error_is_its_code_and_text_and_nothing_else(code: str) -> None:
    assert read(erring(code)) == OaiPage(NOON, error=(code, f"Because of {code}."))


def test_no_records_match_beside_another_error_is_no_empty_day() -> None:
    for codes in (("noRecordsMatch", "badArgument"), ("badArgument", "noRecordsMatch")):
        error = read(erring(*codes)).error
        assert error is not None
        assert error[0] == ", ".join(codes)
    twice = read(erring("badArgument", "badArgument")).error
    assert twice == ("badArgument", "Because of badArgument.")


@pytest.mark.parametrize("named", ['<error code="">', "<error>"])
def test_an_error_without_a_code_is_an_error(named: str) -> None:
    found = read(f"{OPEN}{named}No.</error></OAI-PMH>".encode())
    assert found.error == ("unknown", "No.")


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_the_size_of_the_pieces_does_not_matter(size: int) -> None:
    body = answer([record(number) for number in range(1, 6)], token=TOKEN)
    assert in_pieces(OaiReader(), body, size) == read(body)


def test_a_page_of_large_collaborations_is_whole() -> None:
    """Whole days of them are listed again when their journal references are filled in."""
    people = tuple(f"Ada {'Example-' * 20}Sample the {number}th" for number in range(2000))
    one = answer([record(1, authors=people)])
    begin, end = one.index(b"<record>"), one.index(b"</ListRecords>")
    ids = [f"2602.{number:05d}" for number in range(1, 31)]
    records = (one[begin:end].replace(b"2602.00001", each.encode()) for each in ids)
    body = one[:begin] + b"".join(records) + one[end:]
    assert len(body) > MAX_BODY_BYTES
    found = in_pieces(OaiReader(), body, 2**16)
    assert [paper.id for paper in found.papers] == ids
    assert {paper.authors for paper in found.papers} == {people}


def test_a_page_of_two_and_a_half_thousand_records_is_whole() -> None:
    numbers = range(1, 2501)
    body = answer([record(number, abstract="word " * 400) for number in numbers])
    assert len(body) > 5 * 1024**2  # so several pieces
    found = in_pieces(OaiReader(), body, 10_000)
    assert [paper.serial % 10**7 for paper in found.papers] == list(numbers)
