"""What commands share."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from bot.cli.common import write_new
from bot.errors import UserError


def test_a_file_that_does_not_fit_leaves_no_part_of_it_and_its_name_free(tmp_path: Path) -> None:
    file = tmp_path / "papers.bib"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))  # as where a disk is full
    try:
        with pytest.raises(UserError, match="can't be written"):
            write_new(file, "x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    write_new(file, "whole")
    assert file.read_text() == "whole"
