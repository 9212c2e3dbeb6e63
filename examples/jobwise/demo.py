"""The demo: JobWise's four workflows against a provider that has a bad day.

python -m examples.jobwise.demo           against the emulator, without a key
python -m examples.jobwise.demo --live    against Groq, with GROQ_API_KEY
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from io import TextIOWrapper
from typing import Any
from urllib.request import getproxies

import httpx
from rich.console import Console
from rich.text import Text

from llm_adapter import (
    AsyncLLMFactory,
    LLMConfigurationError,
    LLMFactory,
    LLMServiceError,
    Settings,
)
from llm_adapter.testing.emulator import Emulator, Seen

from . import async_tour, tour
from .scenario import replies
from .stage import Stage
from .table import FOOTNOTE, results

LATENCY = 0.25
LIVE_SECONDS = 180.0
"""Groq's free tier grants few tokens a minute, so that a call may have to wait."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 when every workflow was done, 1 when one failed, 3 for no key."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="Four workflows, sync and async, against a provider on a bad day.",
    )
    parser.add_argument(
        "--live", action="store_true", help="ask Groq itself; needs GROQ_API_KEY"
    )
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    console = Console(highlight=False, emoji=False)
    try:
        return _live(console) if options.live else _emulated(console)
    except LLMConfigurationError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130


def _emulated(console: Console) -> int:
    _reach_loopback_directly()
    stage = Stage(console)

    def tell(seen: Seen) -> None:
        stage.sent(seen.method, emulator.url + seen.path, seen.json["model"])

    with Emulator(latency=LATENCY, on_request=tell) as emulator:
        emulator.script(*replies(), *replies())
        base_url = emulator.base_url("groq")
        _introduce(
            console,
            provider=f"groq, emulated at {base_url}",
            faults="a rate limit, a server error, malformed JSON and a cut stream",
        )
        settings = Settings(groq_api_key="demo-key", groq_base_url=base_url)
        code = _perform(console, stage, {"settings": settings}, hooked=False)
        counts = emulator.counts
    console.print(
        f"The emulator has seen {counts.requests} requests on "
        f"{counts.connections_opened} connections."
    )
    return code


def _live(console: Console) -> int:
    settings = Settings.from_env()
    if not settings.groq_api_key:
        raise LLMConfigurationError(
            "--live asks Groq itself, which needs a key: set GROQ_API_KEY "
            "(https://console.groq.com/keys), or leave out --live."
        )
    _introduce(console, provider="groq itself, with your key", faults="none of ours")
    options = {"settings": settings, "timeout": LIVE_SECONDS}
    return _perform(console, Stage(console), options, hooked=True)


def _perform(
    console: Console, stage: Stage, options: dict[str, Any], *, hooked: bool
) -> int:
    """Both forms and the table; `hooked` when no emulator tells what it is sent."""
    failure: LLMServiceError | None = None
    with stage.listening():
        try:
            stage.act("sync", 'with LLMFactory.create("groq") as llm')
            _sync_form(stage, options, hooked)
            stage.act("async", 'async with AsyncLLMFactory.create("groq") as llm')
            asyncio.run(_async_form(stage, options, hooked))
        except LLMServiceError as error:
            failure = error
    console.print()
    console.print(results(stage.entries))
    if not all(entry.tokens.complete for entry in stage.entries):
        console.print(Text(f"\n{FOOTNOTE}", "dim"))
    if failure is not None:
        console.print(Text(f"\nError: {failure}", "red"))
    return int(failure is not None)


def _sync_form(stage: Stage, options: dict[str, Any], hooked: bool) -> None:
    def tell(request: httpx.Request) -> None:
        _tell(stage, request)

    client = httpx.Client(event_hooks={"request": [tell]}) if hooked else None
    with (
        client or nullcontext(),
        LLMFactory.create("groq", http_client=client, **options) as llm,
    ):
        tour(llm, stage)


async def _async_form(stage: Stage, options: dict[str, Any], hooked: bool) -> None:
    async def tell(request: httpx.Request) -> None:
        _tell(stage, request)

    client = httpx.AsyncClient(event_hooks={"request": [tell]}) if hooked else None
    async with (
        client or nullcontext(),
        AsyncLLMFactory.create("groq", http_client=client, **options) as llm,
    ):
        await async_tour(llm, stage)


def _tell(stage: Stage, request: httpx.Request) -> None:
    model = json.loads(request.content)["model"]
    stage.sent(request.method, str(request.url), model)


def _introduce(console: Console, **facts: str) -> None:
    console.print(Text("JobWise: four workflows over one port", "bold"))
    for name, fact in facts.items():
        console.print(Text.assemble((f"{name:10}", "dim"), fact), soft_wrap=True)


def _reach_loopback_directly() -> None:
    """A proxy of the environment would look for the emulator on its own machine."""
    if proxies := getproxies():
        os.environ["no_proxy"] = f"127.0.0.1,{proxies.get('no', '')}"


if __name__ == "__main__":
    sys.exit(main())
