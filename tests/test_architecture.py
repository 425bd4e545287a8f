"""Holds the source code against docs/design.md. Reads it with ``ast``; imports and runs none of it.

Every rule is a function from a module's source to its violations, so that each can also be shown
a violation and must see it (the controls at the end).
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

ANYTHING = frozenset({"*"})
WORDS = frozenset({"bot.model", "bot.errors"})
CORE = WORDS | {"bot.ports", "bot.keywords", "bot.matching"}
EDGE = WORDS | {"bot.ports"}
# Settings: what a platform is given when it is made; text: authors are counted and titles cut the
# same way everywhere.
# network: through which proxy, and which certificates count.
ADAPTER = EDGE | {"adapters.Settings", "bot.network", "bot.text"}

# Who may import what beside the standard library. A row holds for the module and all below it;
# the longest row wins. A module without a row is a violation: a new room gets its row here and in
# docs/design.md.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "bot.redaction": frozenset(),
    "bot.clock": frozenset(),
    "bot.private_files": frozenset(),
    "bot.network": frozenset({"certifi", "httpx"}),
    "bot.model": frozenset({"bot.model"}),
    # redaction: an error quotes what others answered, and never a token
    "bot.errors": frozenset({"bot.redaction"}),
    "bot.ports": frozenset({"bot.model"}),
    "bot.text": frozenset({"bot.text", "bot.model", "pylatexenc"}),
    "bot.keywords": WORDS | {"bot.keywords", "snowballstemmer", "Stemmer"},
    # matching evaluates what keywords has parsed
    "bot.matching": WORDS | {"bot.matching", "bot.keywords", "snowballstemmer", "Stemmer"},
    # text: a digest carries titles as people write them, so that no adapter needs to know LaTeX
    "bot.core": CORE | {"bot.core", "bot.text"},
    # pure: when arXiv announces is also said in chat, checked in bot.toml and watched
    "bot.arxiv.calendar": frozenset(),
    # ports: a source waits and asks for the time through a Clock
    "bot.arxiv": EDGE | {"bot.arxiv", "bot.network", "bot.private_files", "httpx"},
    # text: a preview shows the same titles as a digest
    "bot.chat": CORE | {"bot.arxiv.calendar", "bot.chat", "bot.core", "bot.text"},
    "bot.store": WORDS | {"bot.store", "bot.private_files"},
    # keywords: a wrong keyword in bot.toml is reported with all other mistakes, before any start
    # core: the words that a setting is written in are the same as in the chat
    "bot.config": WORDS
    | {"bot.arxiv.calendar", "bot.config", "bot.core", "bot.keywords", "bot.network"},
    # ports: it watches the file, which takes a Clock; config: it reads a part of the same file
    "bot.sync": EDGE | {"bot.config", "bot.private_files", "bot.sync", "tomli_w"},
    # text: the page shows the same titles as a digest
    "bot.pages": EDGE | {"bot.text"},
    # httpx: the ping
    "bot.monitoring": WORDS
    | {"aiohttp", "bot.arxiv.calendar", "bot.monitoring", "bot.network", "bot.redaction"}
    | {"httpx", "prometheus_client"},
    "bot.monitoring.checks": ANYTHING,
    "bot.app": ANYTHING,
    "bot.cli": ANYTHING,
    "bot.demo": ANYTHING,
    "bot.__main__": ANYTHING,
    "adapters": EDGE | {"bot.network"},
    "adapters.console": ADAPTER | {"adapters.console", "rich"},
    "adapters.discord": ADAPTER | {"adapters.discord", "discord", "aiohttp", "yarl"},
    "adapters.slack": ADAPTER | {"adapters.slack", "slack_sdk", "aiohttp"},
}
CHAT_LIBRARIES = frozenset({"discord", "slack_bolt", "slack_sdk"})
LOADS_ADAPTERS = "bot.app.bot"

READS_ENVIRONMENT = "bot.config"
ENVIRONMENT = frozenset({"os.environ", "os.environb", "os.getenv", "os.getenvb"})
ASKS_FOR_TIME = "bot.clock"
TIME = frozenset(
    {"datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today"}
    | {"datetime.date.today", "asyncio.sleep"}
    | {f"time.{name}" for name in ("time", "time_ns", "monotonic", "monotonic_ns", "sleep")}
    | {"time.perf_counter", "time.perf_counter_ns"}
)

# Where everything may be caught, once per module, because the next turn must come all the same.
CATCH_ALL = {
    "bot.app.scheduler": "a scheduled job that fails is logged, and it is scheduled again",
    "bot.chat.commands": "a command that fails answers so, and the next one is heard",
}

Rule = Callable[[str, ast.Module], Iterator[str]]


def modules_in(folder: str) -> dict[str, Path]:
    """Module name → file, for every Python file below a folder of the repository."""
    found = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


PRODUCT = modules_in("bot") | modules_in("adapters")
TESTS = modules_in("tests")


def within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def parent(name: str) -> str:
    return name.rpartition(".")[0]


def imports(module: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every imported name with its line: at the top, in functions, under TYPE_CHECKING, relative.

    ``from a.b import c`` is ``a.b.c``, whether that is a module or something in one.
    """
    is_package = module in PRODUCT and PRODUCT[module].name == "__init__.py"
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = module if is_package or not node.level else parent(module)
            for _ in range(node.level - 1):
                base = parent(base)
            start = [base] if node.level else []
            for alias in node.names:
                yield node.lineno, ".".join([*start, *filter(None, [node.module]), alias.name])


def dotted(node: ast.expr) -> str:
    """``a.b.c`` as written; the empty string for anything that is not a plain dotted name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        left = dotted(node.value)
        return f"{left}.{node.attr}" if left else ""
    return ""


def full_names(tree: ast.Module) -> Callable[[ast.expr], str]:
    """A function from a dotted name to the name it stands for, whatever its alias here."""
    meaning: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            meaning |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                meaning[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def full_name(node: ast.expr) -> str:
        first, dot, rest = dotted(node).partition(".")
        return meaning.get(first, first) + dot + rest

    return full_name


def names_used(tree: ast.Module) -> Iterator[tuple[int, str]]:
    full_name = full_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            yield node.lineno, full_name(node)


def imports_by_its_row(module: str, tree: ast.Module) -> Iterator[str]:
    rows = [row for row in MAY_IMPORT if within(module, row)]
    if not rows and module != "bot":  # the package itself: its version, and nothing to import
        yield f"{module} has no row in MAY_IMPORT"
        return
    allowed = MAY_IMPORT[max(rows, key=len)] if rows else frozenset()
    for line, name in imports(module, tree):
        standard = name.partition(".")[0] in sys.stdlib_module_names
        fine = "*" in allowed or any(within(name, prefix) for prefix in allowed)
        if not (standard or fine or name in {"bot", "bot.__version__"}):
            yield f"{module}:{line} imports {name}"


def leaves_platforms_to_app(module: str, tree: ast.Module) -> Iterator[str]:
    """No chat library in the core; adapters and modules chosen by name are loaded by app alone."""
    if not within(module, "bot"):
        return
    for line, name in imports(module, tree):
        if name.partition(".")[0] in CHAT_LIBRARIES:
            yield f"{module}:{line} imports the chat library {name}"
        if within(name, "adapters") and module != LOADS_ADAPTERS:
            yield f"{module}:{line} imports {name}"
    for line, name in names_used(tree):
        if name in {"importlib.import_module", "__import__"} and module != LOADS_ADAPTERS:
            yield f"{module}:{line} loads a module by name"


def leaves_the_environment_to_config(module: str, tree: ast.Module) -> Iterator[str]:
    if module != READS_ENVIRONMENT:
        for line, name in names_used(tree):
            if name in ENVIRONMENT:
                yield f"{module}:{line} reads {name}"


def leaves_time_to_the_clock(module: str, tree: ast.Module) -> Iterator[str]:
    if module != ASKS_FOR_TIME:
        for line, name in names_used(tree):
            if name in TIME:
                yield f"{module}:{line} uses {name}"


def catches_only_what_it_names(module: str, tree: ast.Module) -> Iterator[str]:
    """A handler of everything that ends in a bare ``raise`` keeps nothing in, and passes."""
    lines = [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.ExceptHandler) and catches_all(node.type) and not reraises(node))
        or (
            isinstance(node, ast.Call)
            and dotted(node.func).endswith("suppress")
            and any(catches_all(argument) for argument in node.args)
        )
    ]
    for line in lines[1 if module in CATCH_ALL else 0 :]:
        yield f"{module}:{line} catches everything"


def catches_all(kind: ast.expr | None) -> bool:
    if isinstance(kind, ast.Tuple):
        return any(catches_all(element) for element in kind.elts)
    return kind is None or dotted(kind) in {"Exception", "BaseException"}


def reraises(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def mocks_nothing(module: str, tree: ast.Module) -> Iterator[str]:
    """No mock library, and no patch of our own code: seams are constructor arguments."""
    for line, name in imports(module, tree):
        if any(within(name, library) for library in ("unittest.mock", "mock", "pytest_mock")):
            yield f"{module}:{line} imports {name}"
    full_name = full_names(tree)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and dotted(node.func).endswith("monkeypatch.setattr")
            and node.args
        ):
            target = node.args[0]
            name = str(target.value) if isinstance(target, ast.Constant) else full_name(target)
            if name.partition(".")[0] in {"bot", "adapters"}:
                yield f"{module}:{node.lineno} patches our own code"


def violations(rule: Rule, modules: dict[str, Path]) -> list[str]:
    return [
        violation
        for module, path in modules.items()
        for violation in rule(module, ast.parse(path.read_text(encoding="utf-8")))
    ]


PRODUCT_RULES: list[Rule] = [
    imports_by_its_row,
    leaves_platforms_to_app,
    leaves_the_environment_to_config,
    leaves_time_to_the_clock,
    catches_only_what_it_names,
]


@pytest.mark.parametrize("rule", PRODUCT_RULES, ids=lambda rule: rule.__name__)
def test_the_product_keeps_to(rule: Rule) -> None:
    assert violations(rule, PRODUCT) == []


def test_the_tests_mock_and_patch_nothing_of_ours() -> None:
    assert violations(mocks_nothing, TESTS) == []


def test_every_exemption_belongs_to_a_module_that_exists() -> None:
    exempt = {LOADS_ADAPTERS, READS_ENVIRONMENT, ASKS_FOR_TIME, *CATCH_ALL}
    assert exempt <= PRODUCT.keys()
    assert len(CATCH_ALL) <= 2


# Controls: each rule sees what it forbids, however it is spelled, and lets pass what it allows.

FORBIDDEN: list[tuple[Rule, str, str]] = [
    (imports_by_its_row, "bot.model", "import bot.errors"),
    (imports_by_its_row, "bot.model", "import msgspec"),
    (imports_by_its_row, "bot.ports", "from bot import store"),
    (imports_by_its_row, "bot.core.deliver", "from bot.store.store import SqliteStore"),
    (imports_by_its_row, "bot.core.deliver", "from .. import app"),
    (imports_by_its_row, "bot.store.store", "from ..arxiv import source"),
    (imports_by_its_row, "bot.keywords", "def late():\n    import bot.config"),
    (
        imports_by_its_row,
        "bot.matching",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from bot.app import App",
    ),
    (imports_by_its_row, "adapters.slack.render", "import adapters.discord.render"),
    (imports_by_its_row, "adapters.slack.render", "from bot.core.collect import publish"),
    (imports_by_its_row, "adapters.console", "from adapters import discord"),
    (imports_by_its_row, "adapters.matrix.render", "import nio"),
    (imports_by_its_row, "bot.cupboard", ""),
    (imports_by_its_row, "bot", "import httpx"),
    (leaves_platforms_to_app, "bot.app.bot", "import discord"),
    (leaves_platforms_to_app, "bot.monitoring.checks", "from slack_sdk.web import WebClient"),
    (leaves_platforms_to_app, "bot.demo.show", "from adapters.discord import render"),
    (leaves_platforms_to_app, "bot.__main__", "from importlib import import_module as i\ni(name)"),
    (leaves_platforms_to_app, "bot.demo", "__import__(name)"),
    (leaves_the_environment_to_config, "bot.app.bot", "import os\nos.environ['HOME']"),
    (
        leaves_the_environment_to_config,
        "bot.monitoring.logs",
        "from os import getenv as read\nread('HOME')",
    ),
    (leaves_the_environment_to_config, "adapters.slack", "import os as o\no.environ.get('HOME')"),
    (leaves_time_to_the_clock, "bot.core.collect", "from datetime import datetime as d\nd.now()"),
    (leaves_time_to_the_clock, "bot.core.collect", "import datetime\ndatetime.datetime.utcnow()"),
    (leaves_time_to_the_clock, "bot.core.deliver", "import time\nwait = time.sleep"),
    (leaves_time_to_the_clock, "bot.core.deliver", "from time import monotonic\nmonotonic()"),
    (leaves_time_to_the_clock, "bot.store", "import time as t\nt.time()"),
    (leaves_time_to_the_clock, "adapters.console", "import asyncio\nasyncio.sleep(1)"),
    (catches_only_what_it_names, "bot.app.bot", "try: x()\nexcept Exception: pass"),
    (catches_only_what_it_names, "bot.app.bot", "try: x()\nexcept: pass"),
    (
        catches_only_what_it_names,
        "bot.app.bot",
        "try: x()\nexcept (OSError, BaseException) as e: y(e)",
    ),
    (catches_only_what_it_names, "bot.app.bot", "try: x()\nexcept Exception as e: raise Y from e"),
    (
        catches_only_what_it_names,
        "bot.app.bot",
        "import contextlib\ncontextlib.suppress(Exception)",
    ),
    (
        catches_only_what_it_names,
        "bot.app.scheduler",  # one place is allowed here, not two
        "try: x()\nexcept Exception: pass\ntry: y()\nexcept Exception: pass",
    ),
    (mocks_nothing, "tests.test_x", "from unittest import mock"),
    (mocks_nothing, "tests.test_x", "from unittest.mock import AsyncMock"),
    (mocks_nothing, "tests.test_x", "import unittest.mock as m"),
    (mocks_nothing, "tests.test_x", "monkeypatch.setattr('bot.clock.SystemClock', Fake)"),
    (mocks_nothing, "tests.test_x", "from bot import app\nmonkeypatch.setattr(app, 'run', run)"),
    (mocks_nothing, "tests.test_x", "import adapters as a\nmonkeypatch.setattr(a.x, 'send', send)"),
]


@pytest.mark.parametrize(("rule", "module", "source"), FORBIDDEN)
def test_a_violation_is_seen(rule: Rule, module: str, source: str) -> None:
    assert list(rule(module, ast.parse(source)))


ALLOWED: list[tuple[Rule, str, str]] = [
    (imports_by_its_row, "bot.core.deliver", "import asyncio\nfrom bot import model"),
    (
        imports_by_its_row,
        "bot.store.store",
        "from bot.store.migrations import MIGRATIONS",
    ),
    (
        imports_by_its_row,
        "bot.arxiv.source",
        "from bot import __version__\nimport httpx",
    ),
    (
        imports_by_its_row,
        "adapters.slack.platform",
        "from adapters.slack import render",
    ),
    (imports_by_its_row, "adapters.console", "from adapters import Settings"),
    (imports_by_its_row, "bot.monitoring.checks", "import httpx, bot.store.store"),
    (
        leaves_platforms_to_app,
        "bot.app.bot",
        "from importlib import import_module\nimport_module(name)",
    ),
    (leaves_platforms_to_app, "adapters.discord.platform", "import discord"),
    (leaves_the_environment_to_config, "bot.config", "import os\nos.environ"),
    (leaves_time_to_the_clock, "bot.clock", "import time\ntime.monotonic()"),
    (leaves_time_to_the_clock, "bot.core.deliver", "clock.now()"),
    (catches_only_what_it_names, "bot.app.scheduler", "try: x()\nexcept Exception: log()"),
    (
        catches_only_what_it_names,
        "bot.store",
        "try: x()\nexcept BaseException:\n    y()\n    raise",
    ),
    (mocks_nothing, "tests.test_x", "import sys\nmonkeypatch.setattr(sys, 'stdin', pipe)"),
]


@pytest.mark.parametrize(("rule", "module", "source"), ALLOWED)
def test_what_the_plan_allows_passes(rule: Rule, module: str, source: str) -> None:
    assert list(rule(module, ast.parse(source))) == []


def test_the_modules_are_found() -> None:
    assert {"bot", "bot.model", "bot.ports"} <= PRODUCT.keys()
    assert "tests.test_architecture" in TESTS
