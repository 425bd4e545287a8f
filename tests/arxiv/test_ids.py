"""Which paper a text means, and in which order papers were announced."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.arxiv.ids import (
    base_id,
    first_serial_of,
    following_ids,
    identify,
    is_sequential,
    serial_of,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2611.12001", ("2611.12001", None)),
        ("2611.12001v3", ("2611.12001", 3)),
        ("arXiv:2611.12001v12", ("2611.12001", 12)),
        ("http://arxiv.org/abs/2611.12001v1", ("2611.12001", 1)),
        ("https://arxiv.org/pdf/2611.12001.pdf", ("2611.12001", None)),
        ("https://export.arxiv.org/abs/hep-th/0408048v2", ("hep-th/0408048", 2)),
        ("  0704.0001 ", ("0704.0001", None)),
        ("2611.120015", ("2611.120015", None)),
        ("math.GT/0309136", ("math.GT/0309136", None)),
        ("https://doi.org/10.48550/arXiv.2611.12001", ("2611.12001", None)),
        ("https://dx.doi.org/10.48550/ARXIV.2611.12001v2", ("2611.12001", 2)),
        ("doi:10.48550/arXiv.hep-th/0408048", ("hep-th/0408048", None)),
        ("10.48550/arXiv.2611.12001", ("2611.12001", None)),
    ],
)
def test_an_id_is_found_in_whatever_people_paste(
    text: str, expected: tuple[str, int | None]
) -> None:
    assert identify(text)[:2] == expected
    assert base_id(text) == expected[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2611.123",
        "2613.12345",
        "2600.12345",
        "2611.12001v0",
        "2611.12001 v2",
        "2611.12001\nx",
        "https://example.org/abs/2611.12001",
        "hep-th/040804",
        "hep-th/0413048",
        "hep-th/0400048",
        "../2611.12001",
        "²⁶¹¹.12001",
        "api/errors#incorrect_id_format_for_abc",
    ],
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an arXiv id"):
        identify(text)


def test_serials_grow_in_the_order_of_announcement() -> None:
    announced = [
        "hep-th/9108001",
        "hep-th/9912031",
        "math.GT/0001001",
        "quant-ph/0703999",
        "0704.0001",
        "0912.4999",
        "1412.9999",
        "1501.00001",
        "2611.99999",
        "2611.100000",
        "2612.00001",
        "9912.00001",
        "0612.00001",  # the scheme has room until 2106
    ]
    serials = [serial_of(each) for each in announced]
    assert serials == sorted(serials)
    assert len(set(serials)) == len(serials)
    assert serials[-1] < 2**63


def test_a_version_does_not_change_the_serial() -> None:
    assert serial_of("2611.12001v7") == serial_of("2611.12001")


@given(st.text())
def test_any_text_is_an_id_or_is_refused(text: str) -> None:
    try:
        base, version, serial = identify(text)
    except ValueError:
        return
    assert base in text
    assert identify(base) == (base, None, serial)
    assert version is None or f"v{version}" in text


@pytest.mark.parametrize("day", [date(2026, 11, 1), date(2026, 11, 30)])
def test_the_first_serial_of_a_day_is_that_of_its_month(day: date) -> None:
    first = first_serial_of(day)
    assert serial_of("2610.999999") < first < serial_of("2611.00001")
    assert first_serial_of(date(2007, 4, 1)) > serial_of("quant-ph/0703999")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2611.12001", True),
        ("0704.0001", True),
        ("2611.123456", True),
        ("hep-th/9901001", False),
        ("math.GT/0309136", False),
        ("2611.12001v1", False),
        ("arXiv:2611.12001", False),
        ("https://arxiv.org/abs/2611.12001", False),
        (" 2611.12001", False),
        ("2611.12001\n", False),
        ("2613.12001", False),
        ("٢٦١١.١٢٠٠١", False),
        ("", False),
    ],
)
def test_only_a_bare_id_of_todays_form_runs_on(text: str, expected: bool) -> None:
    assert is_sequential(text) is expected


@pytest.mark.parametrize(
    ("paper_id", "before", "expected"),
    [
        ("2611.00001", "2611.00004", ["2611.00002", "2611.00003"]),
        ("2611.00001", "2611.00002", []),
        ("2611.00001", "2611.00001", []),
        ("2611.00004", "2611.00001", []),
        ("2610.31000", "2611.00003", ["2611.00001", "2611.00002"]),
        ("2612.20000", "2701.00002", ["2701.00001"]),
        ("2612.00003", "2611.00003", []),
        ("2701.00003", "2612.00003", []),
        ("0912.4998", "0912.5000", ["0912.4999"]),
        ("1411.0001", "1412.0003", ["1412.0001", "1412.0002"]),
        ("1412.9999", "1501.00002", ["1501.00001"]),
        ("2611.99998", "2611.100001", ["2611.99999", "2611.100000"]),
        ("2611.00098", "2611.00101", ["2611.00099", "2611.00100"]),
        # Should arXiv begin a month with six digits, as it began one with five.
        ("2712.30000", "2801.000003", ["2801.000001", "2801.000002"]),
        ("2801.099999", "2801.100002", ["2801.100000", "2801.100001"]),
        ("2801.000009", "2801.000011", ["2801.000010"]),
    ],
)
def test_numbers_run_on_within_a_month(paper_id: str, before: str, expected: list[str]) -> None:
    assert list(following_ids(paper_id, before)) == expected


def test_a_month_that_outgrew_its_five_digits_began_with_five() -> None:
    found = list(following_ids("2611.30000", "2612.100002"))
    assert (found[0], found[-2:]) == ("2612.00001", ["2612.100000", "2612.100001"])
    assert len(found) == 100_001


@pytest.mark.parametrize("other", ["hep-th/9901001", "2611.00001v2", "2613.00001", "", "x" * 500])
def test_no_number_follows_an_id_of_another_form(other: str) -> None:
    for pair in ((other, "2611.00004"), ("2611.00004", other)):
        with pytest.raises(ValueError, match="not an arXiv id of today's form") as caught:
            list(following_ids(*pair))
        assert len(str(caught.value)) < 200


@given(
    st.integers(1, 2000), st.integers(1, 2000), st.sampled_from(["0704", "1412", "1501", "2611"])
)
def test_what_follows_is_in_order_and_in_between(low: int, high: int, month: str) -> None:
    width = 4 if month < "1501" else 5
    first, last = f"{month}.{low:0{width}}", f"{month}.{high:0{width}}"
    serials = [serial_of(each) for each in following_ids(first, last)]
    assert serials == list(range(serial_of(first) + 1, serial_of(last)))
