"""The stubs of libraries without types name only what these libraries really have."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest
import snowballstemmer

STUBS = Path(__file__).resolve().parents[1] / "stubs"
FILES = [path for path in sorted(STUBS.rglob("*.pyi")) if path.stat().st_size]


def missing(stub: str, library: object) -> list[str]:
    """Classes, methods and functions that the library lacks."""
    found = []
    for node in ast.parse(stub).body:
        if isinstance(node, ast.ClassDef):
            kind = getattr(library, node.name, None)
            methods = [each.name for each in node.body if isinstance(each, ast.FunctionDef)]
            found += [f"{node.name}.{name}" for name in methods if not hasattr(kind, name)]
        elif isinstance(node, ast.FunctionDef) and not hasattr(library, node.name):
            found.append(node.name)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(STUBS)))
def test_a_stub_names_only_what_the_library_has(path: Path) -> None:
    library = importlib.import_module(".".join(path.relative_to(STUBS).with_suffix("").parts))
    if library is snowballstemmer:  # its classes differ, whether PyStemmer is installed or not
        assert snowballstemmer.stemmer("porter").stemWord("models") == "model"
    else:
        assert missing(path.read_text(encoding="utf-8"), library) == []


def test_a_name_that_the_library_lacks_is_seen() -> None:
    stub = "class Path:\n    def stat(self): ...\n    def fly(self): ...\ndef soar(): ..."
    assert missing(stub, importlib.import_module("pathlib")) == ["Path.fly", "soar"]
