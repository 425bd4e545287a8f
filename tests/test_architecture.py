"""Holds the source code against docs/design.md. Reads it with ``ast``; imports and runs none of it.

Every rule is a function from a module's source to its violations, so that each can also be shown
a violation and must see it (the controls at the end).
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Row:
    """What a room may import beside the standard library, itself and ``bot.__version__``.

    ``rooms`` and ``libraries`` are names separated by blanks; ``why`` is the reason.
    """

    why: str
    rooms: str = ""
    libraries: str = ""

    @property
    def allowed(self) -> tuple[str, ...]:
        return (*self.rooms.split(), *self.libraries.split())


# The rooms, lowest first. A row holds for the module and all below it; the longest row wins. A row
# may name only rooms above it in this table, so that nothing is imported upwards and no circle of
# rooms can be. Whatever a row names is really imported by somebody in that room: what
# nobody needs any more leaves the row. A new room gets a row, and a line in docs/design.md.
ROOMS: dict[str, Row] = {
    "bot.redaction": Row("Takes tokens out of texts, and has to work before all else."),
    "bot.clock": Row("The one place that asks the system for the time."),
    "bot.last_check": Row(
        "Between who decides that a post is sent (core) and the client that writes it (adapters)."
    ),
    "bot.private_files": Row(
        "Files for the bot's own user alone, and why one can't be used; for all who open some."
    ),
    "bot.network": Row("Proxies and certificates, for every client alike.", "", "certifi httpx"),
    "bot.references": Row(
        "Commands and addresses named in a text, for each place to show its way."
    ),
    "bot.errors": Row(
        "An error quotes what others answered, and never a token; one of a source becomes a note.",
        "bot.redaction",
    ),
    "bot.model": Row("Frozen data, the vocabulary of the other rooms.", "bot.errors"),
    "bot.http_server": Row(
        "Listens within limits; for everything that answers HTTP, monitoring and adapters alike.",
        "bot.errors",
        "aiohttp",
    ),
    "bot.ports": Row("What the core needs from outside, in terms of the model.", "bot.model"),
    "bot.text": Row(
        "LaTeX becomes Unicode once, before a digest is composed: no adapter knows of it.",
        "bot.model",
        "bibtexparser pylatexenc",
    ),
    "bot.keywords": Row("The keyword language. Pure.", "bot.errors bot.model", "snowballstemmer"),
    "bot.matching": Row("Evaluates what keywords has parsed. Pure.", "bot.keywords bot.model"),
    "bot.arxiv.calendar": Row(
        "When arXiv announces. Pure, and also needed by those who talk about it: chat, config and"
        " monitoring. They see nothing else of arxiv."
    ),
    "bot.core.channel_settings": Row(
        "The table of what a channel may set. Pure; bot.toml, the chat and the choices that Discord"
        " shows follow from it.",
        "bot.errors bot.model",
    ),
    "bot.core": Row(
        "The fetch-and-diff core. Knows sources, databases and platforms by their ports alone.",
        "bot.errors bot.keywords bot.last_check bot.matching bot.model bot.ports bot.references"
        " bot.text",
    ),
    "bot.arxiv": Row(
        "The source. It waits on a Clock (ports), and keeps its pace in a private file.",
        "bot.errors bot.model bot.network bot.ports bot.private_files",
        "httpx",
    ),
    "bot.zotero": Row(
        "The reference manager that saved papers go to, as arxiv is the source; an item has the"
        " names and venues of a citation (text).",
        "bot.errors bot.model bot.network bot.text",
        "httpx",
    ),
    "bot.chart": Row("Draws bars as a picture; knows no statistics.", "bot.model", "matplotlib"),
    "bot.chat": Row(
        "Commands and their replies; a preview shows the titles of a digest (text).",
        "bot.arxiv.calendar bot.chart bot.core bot.core.channel_settings bot.errors bot.keywords"
        " bot.matching bot.model bot.ports bot.references bot.text",
    ),
    "bot.store": Row(
        "The database. Decides nothing: it stores what the core decided, as the ports say.",
        "bot.errors bot.model bot.ports bot.private_files",
        "psycopg",
    ),
    "bot.vault": Row(
        "Encrypts what the database keeps of others' secrets; the only one that can.",
        "bot.errors bot.ports",
        "cryptography",
    ),
    "bot.config": Row(
        "Reports a wrong keyword, setting or holiday with all other mistakes, before any start.",
        "bot.arxiv.calendar bot.core bot.core.channel_settings bot.errors bot.keywords bot.model"
        " bot.network bot.private_files bot.redaction",
    ),
    "bot.sync": Row(
        "Reads and writes a part of the file that config reads, and waits on a Clock (ports).",
        "bot.config bot.errors bot.model bot.ports bot.private_files",
        "tomli_w",
    ),
    "bot.pages": Row(
        "The daily page shows the titles of a digest (text), escaped by Jinja2; it can be served.",
        "bot.errors bot.http_server bot.model bot.private_files bot.text",
        "aiohttp jinja2",
    ),
    "bot.monitoring": Row(
        "Decides what is well, and shows it; the ping is a request (httpx).",
        "bot.arxiv.calendar bot.errors bot.http_server bot.model bot.network bot.redaction",
        "aiohttp httpx prometheus_client",
    ),
    "adapters": Row(
        "What a platform is given when it is made, and the last check of both HTTP clients.",
        "bot.last_check bot.network bot.ports",
        "aiohttp",
    ),
    "adapters.console": Row(
        "Authors are counted and titles cut the same way everywhere (text).",
        "adapters bot.errors bot.model bot.ports bot.text",
        "rich",
    ),
    "adapters.discord": Row(
        "As the console; channel_settings: what can be chosen; network: which proxy and which"
        " certificates.",
        "adapters bot.core.channel_settings bot.errors bot.model bot.network bot.ports"
        " bot.references bot.text",
        "aiohttp discord yarl",
    ),
    "adapters.slack": Row(
        "As Discord: channel_settings is what its window asks for; http_server: where Slack's"
        " requests come in.",
        "adapters bot.core.channel_settings bot.errors bot.http_server bot.model bot.network"
        " bot.ports bot.references bot.text",
        "aiohttp slack_bolt slack_sdk",
    ),
    "bot.monitoring.checks": Row(
        "What the command check examines are the parts of the whole bot, which it is given.",
        "bot.arxiv.calendar bot.chat bot.config bot.errors bot.keywords bot.model bot.monitoring"
        " bot.pages bot.ports bot.private_files bot.store bot.text",
        "httpx",
    ),
    "bot.app": Row(
        "Builds everything and runs it. Of the adapters it knows their names and Settings only.",
        "adapters bot.arxiv bot.arxiv.calendar bot.chat bot.clock bot.config bot.core"
        " bot.core.channel_settings bot.errors bot.keywords bot.model bot.monitoring"
        " bot.monitoring.checks bot.pages bot.ports bot.references bot.store bot.sync bot.vault"
        " bot.zotero",
        "apscheduler httpx",
    ),
    "bot.demo": Row(
        "The program itself, on a bundled sample, checked by what it reports.",
        "bot.app bot.chat bot.config bot.model bot.text",
        "httpx rich",
    ),
    "bot.cli": Row(
        "One command each; what it does is done by the rooms below.",
        "bot.app bot.chat bot.clock bot.config bot.core.channel_settings bot.demo bot.errors"
        " bot.model bot.monitoring bot.monitoring.checks bot.pages bot.private_files bot.redaction"
        " bot.references bot.store bot.text bot.vault",
        "rich typer",
    ),
    "bot.__main__": Row("Starts the command line.", "bot.cli bot.monitoring", "typer"),
}
CHAT_LIBRARIES = frozenset({"discord", "slack_bolt", "slack_sdk"})
LOADS_ADAPTERS = "bot.app.wiring"

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


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes(tree: ast.Module) -> tuple[ast.AST, ...]:
    """All of a module; every rule looks at it."""
    return tuple(ast.walk(tree))


def within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def parent(name: str) -> str:
    return name.rpartition(".")[0]


def imports(module: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every imported name with its line: at the top, in functions, under TYPE_CHECKING, relative.

    ``from a.b import c`` is ``a.b.c``, whether that is a module or something in one.
    """
    is_package = module in PRODUCT and PRODUCT[module].name == "__init__.py"
    for node in nodes(tree):
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
    for node in nodes(tree):
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
    for node in nodes(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            yield node.lineno, full_name(node)


def row_of(name: str) -> str:
    """The longest row that holds for a module or for what is imported from one; else ``""``."""
    return max((row for row in ROOMS if within(name, row)), key=len, default="")


def imports_by_its_row(module: str, tree: ast.Module) -> Iterator[str]:
    room = row_of(module)
    if not room and module != "bot":  # the package itself: its version, and nothing to import
        yield f"{module} has no row in ROOMS"
        return
    allowed = ROOMS[room].allowed if room else ()
    for line, name in foreign_imports(module, tree):
        if name not in allowed:
            yield f"{module}:{line} imports {name}, which its row in ROOMS does not name"


def foreign_imports(module: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Rooms and libraries that a module imports, with the line; not what everybody may."""
    for line, name in imports(module, tree):
        top = name.partition(".")[0]
        if top in {"bot", "adapters"}:
            imported = row_of(name) or name
            if imported not in {row_of(module), "bot", "bot.__version__"}:
                yield line, imported
        elif top not in sys.stdlib_module_names:
            yield line, top


def upward(rooms: Mapping[str, Row]) -> list[str]:
    """Rows that name a room which is not above them in the table, or none at all."""
    known: set[str] = set()
    found = []
    for room, row in rooms.items():
        found += [f"{room} names {each}" for each in row.rooms.split() if each not in known]
        known.add(room)
    return found


def unused(rooms: Mapping[str, Row], modules: Mapping[str, Path]) -> list[str]:
    """What rows allow and nobody in that room imports, and rows without a module."""
    used: dict[str, set[str]] = {}
    for module, path in modules.items():
        tree = parsed(path)
        used.setdefault(row_of(module), set()).update(n for _, n in foreign_imports(module, tree))
    return [
        *(f"{room} has a row, and no module" for room in rooms if room not in used),
        *(
            f"nobody in {room} imports {each}"
            for room, row in rooms.items()
            for each in row.allowed
            if each not in used.get(room, set())
        ),
    ]


def circle(modules: Mapping[str, ast.Module]) -> list[str]:
    """The modules of a circle of imports; empty where there is none."""
    graph = {
        module: {
            imported
            for _, name in imports(module, tree)
            if (imported := module_of(name, modules)) and imported != module
        }
        for module, tree in modules.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def module_of(name: str, modules: Mapping[str, object]) -> str:
    """The module that an imported name is, or is in; empty for what is not ours."""
    while name and name not in modules:
        name = parent(name)
    return name


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


def loaded_by_name(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """What ``import_module("…")`` imports."""
    for node in nodes(tree):
        match node:
            case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]):
                if dotted(function).endswith("import_module"):
                    yield node.lineno, name


def leaves_the_database_to_the_store(module: str, tree: ast.Module) -> Iterator[str]:
    """The database is used by a port; engines, SQL and tables are known in ``bot.store`` alone.

    Tests of other rooms go through the port too, or through ``tests.store.database``.
    """
    if any(within(module, room) for room in ("bot.store", "tests.store", "tests.crash_driver")):
        return
    inside = ("bot.store.engines", "bot.store.migrations", "bot.store.statements")
    in_product = (*inside, "bot.store.store", "sqlite3", "psycopg")
    for line, name in (*imports(module, tree), *loaded_by_name(tree)):
        if any(within(name, each) for each in (inside if within(module, "tests") else in_product)):
            yield f"{module}:{line} imports {name}"


def catches_only_what_it_names(module: str, tree: ast.Module) -> Iterator[str]:
    """A handler of everything that ends in a bare ``raise`` keeps nothing in, and passes."""
    lines = [
        node.lineno
        for node in nodes(tree)
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
    for node in nodes(tree):
        if (
            isinstance(node, ast.Call)
            and dotted(node.func).endswith("monkeypatch.setattr")
            and node.args
        ):
            target = node.args[0]
            name = str(target.value) if isinstance(target, ast.Constant) else full_name(target)
            if name.partition(".")[0] in {"bot", "adapters"}:
                yield f"{module}:{node.lineno} patches our own code"


# Words of a private language that the code had, and what says it plainly. A word that left stays
# out of every name in code and tests (a part of one counts, as in ``take_survey``).
NAMES_THAT_LEFT: dict[str, str] = {
    "ailment": "problem",
    "ailments": "problems",
    "asker": "client",
    "bell": "scheduler",
    "buried": "dead_lettered",
    "bury": "dead_letter",
    "gathered": "fetched",
    "patience": "timeout",
    "truth": "current",
    "deaf": "disconnected",
    "house": "what it gives: backend, chat, core, deployment",
    "hindered": "blocked",
    "judged": "evaluation",
    "manners": "rate_limits",
    "strike": "refusal",
    "strikes": "refusals",
    "survey": "announcement_stats",
    "sweep": "search",
    "untold": "metadata_incomplete",
    "vitals": "health_report",
}
# The same for what people and developers read: documentation, comments, messages.
PROSE_THAT_LEFT: dict[str, str] = {
    "ailments": "problems",
    "untold": "incomplete metadata",
    "vitals": "health report",
}


# Readers mix up classes of one name. Allowed is one that is plainly the other's view.
SAME_NAME: dict[str, str] = {}


def classes_of_one_name(modules: Mapping[str, ast.Module]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for module, tree in modules.items():
        for node in nodes(tree):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(module)
    return {name: sorted(where) for name, where in found.items() if len(where) > 1}


def names_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every identifier that a module writes, with its line."""
    for node in nodes(tree):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield line, name
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield line, name
            case ast.AsyncFunctionDef(name=name) | ast.keyword(arg=str(name)):
                yield line, name
            case ast.alias(name=name, asname=other):
                yield line, other or name


def uses_standard_words(module: str, tree: ast.Module) -> Iterator[str]:
    for line, name in names_in(tree):
        for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name):
            if instead := NAMES_THAT_LEFT.get(word.lower()):
                yield f"{module}:{line} is named {name}: say {instead}"


def prose_that_left(name: str, text: str) -> Iterator[str]:
    pattern = re.compile(rf"\b({'|'.join(PROSE_THAT_LEFT)})\b", re.IGNORECASE)
    for number, line in enumerate(text.splitlines(), start=1):
        for word in pattern.findall(line):
            yield f"{name}:{number} says {word}: say {PROSE_THAT_LEFT[word.lower()]}"


def violations(rule: Rule, modules: dict[str, Path]) -> list[str]:
    return [
        violation for module, path in modules.items() for violation in rule(module, parsed(path))
    ]


PRODUCT_RULES: list[Rule] = [
    imports_by_its_row,
    leaves_platforms_to_app,
    leaves_the_environment_to_config,
    leaves_time_to_the_clock,
    leaves_the_database_to_the_store,
    catches_only_what_it_names,
]


@pytest.mark.parametrize("rule", PRODUCT_RULES, ids=lambda rule: rule.__name__)
def test_the_product_keeps_to(rule: Rule) -> None:
    found = violations(rule, PRODUCT)
    assert not found, "\n".join(found)


def test_the_tests_mock_and_patch_nothing_of_ours() -> None:
    assert violations(mocks_nothing, TESTS) == []


def test_nothing_is_imported_upwards() -> None:
    assert upward(ROOMS) == []


def test_no_row_allows_what_its_room_does_not_need() -> None:
    found = unused(ROOMS, PRODUCT)
    assert not found, "\n".join(["Take out of ROOMS:", *found])


def test_every_row_says_why() -> None:
    assert [room for room, row in ROOMS.items() if not row.why.endswith(".")] == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    trees = {name: parsed(path) for name, path in PRODUCT.items()}
    assert circle(trees) == []


def test_the_tests_of_other_rooms_know_no_table_and_no_engine_of_the_database() -> None:
    assert violations(leaves_the_database_to_the_store, TESTS) == []


def test_no_two_classes_have_one_name() -> None:
    found = classes_of_one_name({name: parsed(path) for name, path in PRODUCT.items()})
    assert {name: found[name] for name in found.keys() - SAME_NAME.keys()} == {}
    assert SAME_NAME.keys() <= found.keys(), "what is no longer double leaves SAME_NAME"


def test_two_classes_of_one_name_are_seen() -> None:
    trees = {name: ast.parse("class Run: pass") for name in ("bot.b", "bot.a")}
    assert classes_of_one_name(trees) == {"Run": ["bot.a", "bot.b"]}


def test_words_that_left_stay_out_of_names() -> None:
    found = violations(uses_standard_words, PRODUCT | TESTS)
    assert not found, "\n".join(found)


def test_words_that_left_stay_out_of_what_people_read() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "bot.toml"]
    code = [path for path in (PRODUCT | TESTS).values() if path != Path(__file__)]
    found = [
        each
        for path in (*pages, *code)
        for each in prose_that_left(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


def test_every_exemption_belongs_to_a_module_that_exists() -> None:
    exempt = {LOADS_ADAPTERS, READS_ENVIRONMENT, ASKS_FOR_TIME, *CATCH_ALL}
    assert exempt <= PRODUCT.keys()
    assert len(CATCH_ALL) <= 2


# Controls: each rule sees what it forbids, however it is spelled, and lets pass what it allows.

FORBIDDEN: list[tuple[Rule, str, str]] = [
    (imports_by_its_row, "bot.model", "import bot.ports"),
    (imports_by_its_row, "bot.model", "import msgspec"),
    (imports_by_its_row, "bot.ports", "from bot import store"),
    (imports_by_its_row, "bot.core.deliver", "from bot.store.store import SqlStore"),
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
    (leaves_the_database_to_the_store, "bot.app.bot", "from bot.store.store import SqlStore"),
    (leaves_the_database_to_the_store, "bot.cli.data", "import sqlite3"),
    (leaves_the_database_to_the_store, "bot.app.wiring", "importlib.import_module('psycopg')"),
    (leaves_the_database_to_the_store, "tests.core.x", "from bot.store.statements import deliver"),
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
    (uses_standard_words, "bot.x", "def take_survey(): pass"),
    (uses_standard_words, "bot.x", "class HTTPManners: pass"),
    (uses_standard_words, "bot.x", "import bell"),
    (uses_standard_words, "bot.x", "run(strikes=3)"),
    (uses_standard_words, "bot.x", "self.untold = 1"),
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


def test_a_row_that_names_a_room_above_it_is_seen() -> None:
    rooms = {"bot.low": Row("Low.", "bot.high"), "bot.high": Row("High.", "bot.low")}
    assert upward(rooms) == ["bot.low names bot.high"]


def test_a_row_that_allows_too_much_is_seen() -> None:
    rooms = {"bot.clock": Row("Time.", "bot.model", "httpx"), "bot.cupboard": Row("Empty.")}
    assert unused(rooms, {"bot.clock": PRODUCT["bot.clock"]}) == [
        "bot.cupboard has a row, and no module",
        "nobody in bot.clock imports bot.model",
        "nobody in bot.clock imports httpx",
    ]


def test_prose_that_left_is_seen() -> None:
    assert list(prose_that_left("x.md", "One.\nIts Vitals.")) == [
        "x.md:2 says Vitals: say health report"
    ]


def test_a_circle_is_seen_however_it_is_closed() -> None:
    sources = {
        "bot.a": "from bot.b import x",
        "bot.b": "def late():\n    import bot.c",
        "bot.c": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from bot import a",
        "bot.d": "import bot.a",
    }
    found = circle({name: ast.parse(source) for name, source in sources.items()})
    assert set(found) == {"bot.a", "bot.b", "bot.c"}


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
        "bot.app.wiring",
        "from importlib import import_module\nimport_module(name)",
    ),
    (leaves_platforms_to_app, "adapters.discord.platform", "import discord"),
    (leaves_the_environment_to_config, "bot.config", "import os\nos.environ"),
    (leaves_time_to_the_clock, "bot.clock", "import time\ntime.monotonic()"),
    (leaves_time_to_the_clock, "bot.core.deliver", "clock.now()"),
    (leaves_the_database_to_the_store, "bot.app.bot", "from bot.store import FILE, open_store"),
    (leaves_the_database_to_the_store, "bot.store.engines.sqlite", "import sqlite3"),
    (catches_only_what_it_names, "bot.app.scheduler", "try: x()\nexcept Exception: log()"),
    (
        catches_only_what_it_names,
        "bot.store",
        "try: x()\nexcept BaseException:\n    y()\n    raise",
    ),
    (uses_standard_words, "bot.x", 'keyword = "survey"; belly = 1'),
    (mocks_nothing, "tests.test_x", "import sys\nmonkeypatch.setattr(sys, 'stdin', pipe)"),
]


@pytest.mark.parametrize(("rule", "module", "source"), ALLOWED)
def test_what_the_plan_allows_passes(rule: Rule, module: str, source: str) -> None:
    assert list(rule(module, ast.parse(source))) == []


def test_the_modules_are_found() -> None:
    assert {"bot", "bot.model", "bot.ports"} <= PRODUCT.keys()
    assert "tests.test_architecture" in TESTS
