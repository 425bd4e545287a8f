"""Which paper a text means, and in which order papers were announced."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sources.ids import base_id, identify, serial_of


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
        "2611.12001v0",
        "2611.12001 v2",
        "2611.12001\nx",
        "https://example.org/abs/2611.12001",
        "hep-th/040804",
        "hep-th/0413048",
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
