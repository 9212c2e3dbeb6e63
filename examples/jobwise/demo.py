"""The demo: JobWise's four workflows on four providers that have a bad day.

python -m examples.jobwise.demo                  against the emulator, without a key
python -m examples.jobwise.demo --live openai    against OpenAI, with OPENAI_API_KEY
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from io import TextIOWrapper

import httpx
from attrs import evolve
from rich.console import Console
from rich.text import Text

from llm_adapter import (
    AsyncLLMFactory,
    LLMConfigurationError,
    LLMFactory,
    LLMServiceError,
    Settings,
)
from llm_adapter.testing.emulator import Counts, Emulator, Seen

from . import async_tour, tour
from .live import KEYS, live_provider, reach_loopback_directly
from .scenario import replies
from .stage import Stage
from .table import FOOTNOTE, results

ACTS = (
    ("groq", "sync"),
    ("openai", "async"),
    ("anthropic", "sync"),
    ("local", "async"),
)
"""Providers and forms; both forms of one provider behave alike."""

_CODE = {
    "sync": 'with LLMFactory.create("{}", settings=settings) as llm:',
    "async": 'async with AsyncLLMFactory.create("{}", settings=settings) as llm:',
}

LATENCY = 0.25
LIVE_SECONDS = 180.0
"""Groq's free tier grants few tokens a minute, so that a call may have to wait."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 when every workflow was done, 1 when one failed, 3 for no key."""
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    console = Console(highlight=False, emoji=False)
    try:
        if options.live is None:
            return _emulated(console)
        return _live(console, options.live)
    except LLMConfigurationError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="Four workflows on four providers that have a bad day.",
    )
    parser.add_argument(
        "--live",
        nargs="?",
        const="",
        metavar="PROVIDER",
        help=f"ask a provider itself, with your key: {', '.join(KEYS)}; "
        "LLM_PROVIDER when none is named, else groq",
    )
    return parser


# -- against the emulator -------------------------------------------------------------


def _emulated(console: Console) -> int:
    reach_loopback_directly()
    stage = Stage(console)

    def tell(seen: Seen) -> None:
        stage.sent(seen.method, emulator.url + seen.path, seen.json)

    with Emulator(latency=LATENCY, on_request=tell) as emulator:
        _introduce(
            console,
            providers=f"{', '.join(KEYS)}, emulated at {emulator.url}",
            code="the same for all of them: only the provider's name changes",
            faults="a rate limit, a server error, malformed JSON and a cut stream each",
        )
        settings = _settings(emulator)
        done, counts = [], []
        for provider, form in ACTS:
            emulator.reset()  # an act that failed has left replies behind
            emulator.script(*replies(provider))
            done.append(_act(stage, provider, form, settings))
            counts.append(emulator.counts)
    _conclude(console, stage, len(ACTS))
    console.print(_counted(counts))
    return int(not all(done))


def _settings(emulator: Emulator) -> Settings:
    """Those of all providers at once, so that only the name of one is still to say."""
    return Settings(
        groq_api_key="demo-key",
        groq_base_url=emulator.base_url("groq"),
        openai_api_key="demo-key",
        openai_base_url=emulator.base_url("openai"),
        anthropic_api_key="demo-key",
        anthropic_base_url=emulator.base_url("anthropic"),
        local_llm_base_url=emulator.base_url("local"),
    )


def _counted(counts: Sequence[Counts]) -> str:
    requests = sum(each.requests for each in counts)
    connections = sum(each.connections_opened for each in counts)
    return f"The emulator has seen {requests} requests on {connections} connections."


# -- against a provider ---------------------------------------------------------------


def _live(console: Console, named: str) -> int:
    settings = evolve(Settings.from_env(), timeout_seconds=LIVE_SECONDS)
    provider = live_provider(named, settings)
    _introduce(
        console,
        provider=f"{provider} itself, as you have set it",
        faults="none of ours",
    )
    stage = Stage(console)
    done = [_act(stage, provider, form, settings, hooked=True) for form in _CODE]
    _conclude(console, stage, len(done))
    return int(not all(done))


# -- the acts -------------------------------------------------------------------------


def _act(
    stage: Stage, provider: str, form: str, settings: Settings, *, hooked: bool = False
) -> bool:
    """Whether all workflows were done; `hooked` when no emulator tells what is sent."""
    stage.act(provider, form, _CODE[form].format(provider))
    try:
        with stage.listening():
            if form == "sync":
                _sync_form(stage, provider, settings, hooked)
            else:
                asyncio.run(_async_form(stage, provider, settings, hooked))
    except LLMServiceError as error:
        stage.failed(error)
        return False
    return True


def _sync_form(stage: Stage, provider: str, settings: Settings, hooked: bool) -> None:
    def tell(request: httpx.Request) -> None:
        _tell(stage, request)

    client = httpx.Client(event_hooks={"request": [tell]}) if hooked else None
    with (
        client or nullcontext(),
        LLMFactory.create(provider, settings=settings, http_client=client) as llm,
    ):
        tour(llm, stage)


async def _async_form(
    stage: Stage, provider: str, settings: Settings, hooked: bool
) -> None:
    async def tell(request: httpx.Request) -> None:
        _tell(stage, request)

    client = httpx.AsyncClient(event_hooks={"request": [tell]}) if hooked else None
    async with (
        client or nullcontext(),
        AsyncLLMFactory.create(provider, settings=settings, http_client=client) as llm,
    ):
        await async_tour(llm, stage)


def _tell(stage: Stage, request: httpx.Request) -> None:
    body = json.loads(request.content) if request.content else None
    stage.sent(request.method, str(request.url), body)


# -- before and after -----------------------------------------------------------------


def _introduce(console: Console, **facts: str) -> None:
    console.print(Text("JobWise: four workflows over one port", "bold"))
    for name, fact in facts.items():
        console.print(Text.assemble((f"{name:11}", "dim"), fact), soft_wrap=True)


def _conclude(console: Console, stage: Stage, acts: int) -> None:
    console.print()
    console.print(results(stage.entries, acts))
    known = (each.tokens.complete and each.cost.complete for each in stage.entries)
    if not all(known):
        console.print(Text(f"\n{FOOTNOTE}", "dim"))


if __name__ == "__main__":
    sys.exit(main())
