"""Every example in README and docs is a file, shown as it is, and runs both ways."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from llm_adapter.testing.emulator import Emulator

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
SHOWN = re.compile(r"<!-- (examples/\S+\.py) -->\n+```python\n(.*?)```", re.DOTALL)
MARK = re.compile(r"<!-- (examples/\S+\.py) -->")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
PAIRS = sorted(path.stem for path in (ROOT / "examples/_async").glob("[a-z]*.py"))


EXAMPLES: list[Any] = [
    pytest.param(path, code, id=f"{page.name}-{path}")
    for page in PAGES
    for path, code in SHOWN.findall(page.read_text("utf-8"))
]


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Emulator]:
    with Emulator() as emulator:
        monkeypatch.setenv("LLM_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
        monkeypatch.setenv("GROQ_API_KEY", "any")
        monkeypatch.setenv("OPENAI_API_KEY", "any")
        monkeypatch.setenv("ANTHROPIC_API_KEY", "any")
        monkeypatch.setenv("GROQ_BASE_URL", emulator.base_url("groq"))
        monkeypatch.setenv("OPENAI_BASE_URL", emulator.base_url("openai"))
        monkeypatch.setenv("ANTHROPIC_BASE_URL", emulator.base_url("anthropic"))
        monkeypatch.setenv("LOCAL_LLM_BASE_URL", emulator.base_url("local"))
        yield emulator


@pytest.mark.parametrize(("path", "code"), EXAMPLES)
def test_a_page_shows_the_example_as_it_is(path: str, code: str) -> None:
    source = (ROOT / path).read_text("utf-8")
    assert code == re.sub(r"\A# Generated .*\n+", "", source)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_marked_example_is_printed(page: Path) -> None:
    text = page.read_text("utf-8")
    assert MARK.findall(text) == [path for path, _ in SHOWN.findall(text)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_show_code_only_from_files_that_run(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text.count("```python") == len(SHOWN.findall(text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


@pytest.fixture(params=["groq", "openai", "anthropic", "local"])
def chosen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one thing that changes between providers."""
    monkeypatch.setenv("LLM_PROVIDER", request.param)


@pytest.mark.parametrize("name", PAIRS)
def test_the_sync_example_runs(name: str, provider: Emulator, chosen: None) -> None:
    main = importlib.import_module(f"examples._sync.{name}").main
    main()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("name", PAIRS)
def test_the_async_example_runs(
    name: str, backend: str, provider: Emulator, chosen: None
) -> None:
    main = importlib.import_module(f"examples._async.{name}").main
    assert inspect.iscoroutinefunction(main)
    anyio.run(main, backend=backend)


def test_the_emulated_example_takes_three_attempts() -> None:
    assert importlib.import_module("examples.emulated").main() == 3
