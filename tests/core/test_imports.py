"""Imports point one way (design.md, section 2), read from the source."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

import pytest

import llm_adapter

ROOT = Path(llm_adapter.__file__).parent

# Lowest first. A module, or all of a package, may import what stands in rows above its
# own, and its own package; a name that is imported for type checkers only is free.
LAYERS = [
    {"_checks", "_replace"},
    {"_content", "_names", "_timeout", "_usage"},
    {"models", "errors"},
    {"_watch"},
    {
        *("settings", "_policy", "_retry_after", "_json", "_schema"),
        *("_events", "_registry", "_concurrency", "_secrets", "_stored"),
        *("_siblings", "_workflow_files", "_announcing", "_context", "_histogram"),
    },
    {"_answers", "_mocking", "_embedding", "_identity", "_wire"},
    {"caches", "_flights", "_keys", "providers"},
    {"pricing", "ledger", "_endpoint", "_lineups", "_claims", "_caching"},
    {"_call", "_workflow", "_booking", "_estimates", "_monitored_call"},
    {"_other_calls", "selector", "_tracking", "_monitoring"},
    {"_telemetry", "_figures"},
    {"_async", "_sync"},
    {"testing", "usage_page"},
    {"cli"},
    {"integrations"},
    {"__init__", "__main__"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

SHELLS = ("_async", "_sync")
HTTP = ("httpx", "httpcore", "h11")
SCHEDULERS = ("anyio", "asyncio", "trio", "sniffio", "uvloop", "time.sleep")
# package -> who else may import it, wherever it is needed
MAY_IMPORT = {
    **dict.fromkeys(HTTP, (*SHELLS, "testing", "integrations")),
    **dict.fromkeys(SCHEDULERS, ("testing.emulator",)),
    "anyio": ("testing.emulator", "integrations.fastapi"),
    "time.sleep": ("testing.emulator", "_concurrency"),
}


class Import(NamedTuple):
    """One name that a module imports."""

    module: str  # below llm_adapter, dotted
    name: str  # whole, dotted
    late: bool  # inside a function
    typing: bool  # for type checkers only


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def imports(source, module, *, is_package=False):
    """Every import in a source, names below llm_adapter made absolute."""
    home = ["llm_adapter", *module.split(".")]
    if module == "__init__":
        home, is_package = ["llm_adapter"], True

    def visit(node, late, typing):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, late, typing)
        elif isinstance(node, ast.ImportFrom):
            up = node.level - is_package
            base = home[: len(home) - up] if node.level else []
            start = ".".join([*base, *filter(None, [node.module])])
            for alias in node.names:
                yield Import(module, f"{start}.{alias.name}", late, typing)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if (node.value.id, node.attr) == ("time", "sleep"):
                yield Import(module, "time.sleep", late, typing)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for child in node.body:
                yield from visit(child, late, True)
            for child in node.orelse:
                yield from visit(child, late, typing)
            return
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, late or inside, typing)

    yield from visit(ast.parse(source), False, False)


def within(module, place):
    return module == place or module.startswith(f"{place}.")


def top(name):
    return name.split(".")[0]


def broken_rules(found):
    """What is wrong with an import, in words."""
    if found.name == "llm_adapter" or found.name.startswith("llm_adapter."):
        target = found.name.removeprefix("llm_adapter").removeprefix(".")
        yield from _against_the_layers(found, target)
    for package, places in MAY_IMPORT.items():
        foreign = within(found.name, package)
        if foreign and not any(within(found.module, place) for place in places):
            hidden = found.late or found.typing
            if not (within(found.module, "_concurrency") and hidden):
                yield f"{package} may be imported in {', '.join(places)} only"


def _against_the_layers(found, target):
    home, other = top(found.module), top(target)
    if other not in LEVEL or found.typing or home == other:
        return  # of the package itself: its version
    if LEVEL[other] >= LEVEL[home]:
        yield f"{home} may not import {other}, which stands above it"
    may_use_one = home in ("__init__", "cli", "integrations")
    uses_a_shell = may_use_one or found.module == "testing.mock"
    if other in SHELLS and not uses_a_shell:
        yield f"{other} is a shell"
    if home == "cli" and other == "_async":
        yield "cli uses the sync side only"


SOURCES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


@pytest.mark.parametrize("module", SOURCES)
def test_imports_of_every_module_point_downwards(module):
    path = SOURCES[module]
    found = imports(
        path.read_text(encoding="utf-8"),
        module,
        is_package=path.name == "__init__.py",
    )
    assert [(each.name, why) for each in found for why in broken_rules(each)] == []


def test_every_module_has_its_layer():
    """A new one has to be given a place."""
    assert {top(module) for module in SOURCES} == set(LEVEL)


@pytest.mark.parametrize("module", [m for m in SOURCES if m.startswith("testing.em")])
def test_emulator_is_a_server_of_its_own(module):
    path = SOURCES[module]
    source = path.read_text(encoding="utf-8")
    for found in imports(source, module, is_package=path.name == "__init__.py"):
        if found.name.startswith("llm_adapter"):
            assert found.name.startswith("llm_adapter.testing.emulator"), found.name


@pytest.mark.parametrize("module", sorted(LAYERS[0] | LAYERS[1] | LAYERS[2]))
def test_values_and_errors_stand_on_nothing_but_attrs(module):
    source = SOURCES[module].read_text(encoding="utf-8")
    below = LAYERS[0] | LAYERS[1] | LAYERS[2]
    for found in imports(source, module):
        own = found.name.startswith("llm_adapter.")
        assert not own or found.name.split(".")[1] in below
    assert not {top(found.name) for found in imports(source, module)} & {
        *("msgspec", "cattrs", "backoff", "dotenv"),
        *HTTP,
        *SCHEDULERS,
    }


# -- the rules themselves -------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("models", "from .settings import Settings"),
        ("models", "from ._wire.body import text"),
        ("_policy", "def f():\n    from .providers import GROQ"),
        ("_wire.body", "from ..providers import GROQ"),
        ("_wire.body", "from .. import providers"),
        ("_wire.body", "import llm_adapter.providers"),
        ("providers.groq", "from .._call import client"),
        ("_call", "from ._sync.session import Session"),
        ("_call", "def f():\n    from ._async import session"),
        ("_async.session", "from .._sync.session import Session"),
        ("_sync.session", "from .. import cli"),
        ("testing.pytest", "from .._async.mock import AsyncMockLLMService"),
        ("cli._generate", "from .._async.factory import AsyncLLMFactory"),
        ("_call", "import httpx"),
        ("_call", "def f():\n    import httpx"),
        ("_call", "if TYPE_CHECKING:\n    import httpx"),
        ("_wire.body", "from httpcore import ReadError"),
        ("cli._app", "import httpx"),
        ("_concurrency", "import httpcore"),
        ("_concurrency", "import anyio"),
        ("_concurrency.locks", "import anyio"),
        ("_concurrency", "from asyncio import sleep"),
        ("_async.session", "import anyio"),
        ("_async.session", "async def f():\n    import anyio.lowlevel"),
        ("_sync.session", "import asyncio"),
        ("_policy", "import time\ntime.sleep(1)"),
        ("_policy", "from time import sleep"),
        ("cli._app", "def f():\n    time.sleep(1)"),
        ("testing.mock", "import trio"),
    ],
)
def test_import_in_the_wrong_direction_is_found(module, source):
    found = imports(source, module)
    assert [why for each in found for why in broken_rules(each)] != []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("models", "from . import _checks\nfrom ._content import Text"),
        ("errors", "if TYPE_CHECKING:\n    from .models import Attempt"),
        ("_wire.body", "from . import sse\nfrom ..errors import LLMServiceError"),
        ("_async.session", "import httpx\nfrom .._concurrency import async_sleep"),
        ("_concurrency", "async def f():\n    import anyio"),
        ("_concurrency.locks", "async def f():\n    import anyio"),
        ("_concurrency", "if TYPE_CHECKING:\n    import httpcore"),
        ("_concurrency", "from time import sleep as _block"),
        ("__init__", "from ._async.factory import AsyncLLMFactory"),
        ("testing.mock", "from .._async.mock import AsyncMockLLMService"),
        ("testing.emulator.listener", "import asyncio"),
        ("cli._generate", "from .._sync.factory import LLMFactory"),
        ("cli._app", "from .. import __version__"),
        ("_policy", "from time import monotonic"),
    ],
)
def test_import_in_the_right_direction_is_let_pass(module, source):
    found = list(imports(source, module))
    assert found
    assert [why for each in found for why in broken_rules(each)] == []
