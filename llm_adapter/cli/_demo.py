"""`llm-adapter demo`: a short tour that needs neither a key nor a network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import click
from attrs import evolve

from .._sync.factory import LLMFactory
from .._sync.service import LLMService
from ..errors import LLMServiceError
from ..models import LLMResponse
from ..settings import Settings
from ..testing.emulator import Emulator, Reply, faults
from ._exits import table
from ._notes import summary
from ._output import Output

_PROVIDERS = ("groq", "openai", "anthropic")
_QUESTION = "Name two rivers of Norway."
_RIVERS = "Glomma and Numedalslågen."
_KEY = "any-key-will-do"


@click.command(epilog=table(0, 1, 2, 130, 141))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def demo(as_json: bool) -> None:
    """Show what the library does, with providers that run on this machine.

    It needs no key and no network, and costs nothing: what it costs is told as if the
    providers were the real ones.
    """
    output = Output()
    with Emulator() as emulator, _without_proxy():
        steps = _steps(emulator)
        if as_json:
            told = [{"step": title, "result": result} for title, result in steps]
            output.write_json({"steps": told})
            return
        output.write("Providers are emulated on this machine: no key, no network.\n")
        for title, result in steps:
            output.write(f"{title:<28}{result}\n")
        output.write("Next: set GROQ_API_KEY, and try llm-adapter generate 'Hello'.\n")


def _steps(emulator: Emulator) -> Iterator[tuple[str, str]]:
    """What is shown, and what comes of it."""
    with _service("groq", emulator) as groq:
        emulator.script(Reply(text=_RIVERS))
        yield "generate", groq.generate(_QUESTION).text
        emulator.script(Reply(text='{"rivers": ["Glomma", "Numedalslågen"]}'))
        yield "generate_json", str(groq.generate_json(f"{_QUESTION} As JSON."))
        emulator.script(Reply(text=_RIVERS))
        yield "stream", _streamed(groq)
        emulator.script(faults.rate_limited("0.2"), Reply(text=_RIVERS))
        yield "a rate limit, then retried", _told(groq.generate(_QUESTION))
        emulator.script(Reply(text=_RIVERS) | faults.truncated_stream("before_finish"))
        yield "a stream that breaks", _broken(groq)
    for name in _PROVIDERS:
        with _service(name, emulator) as llm:
            emulator.script(Reply(text=_RIVERS))
            yield f"the same from {name}", _told(llm.generate(_QUESTION))


@contextmanager
def _without_proxy() -> Iterator[None]:
    """Lets no proxy come between us and this machine."""
    before = os.environ.get("no_proxy")
    os.environ["no_proxy"] = "127.0.0.1"
    try:
        yield
    finally:
        del os.environ["no_proxy"]
        if before is not None:
            os.environ["no_proxy"] = before


def _service(name: str, emulator: Emulator) -> LLMService:
    # Whatever the environment says.
    settings = evolve(Settings.from_env({}, dotenv=None), provider=name)
    return LLMFactory.create(
        name, api_key=_KEY, base_url=emulator.base_url(name), settings=settings
    )


def _streamed(llm: LLMService) -> str:
    with llm.stream(_QUESTION) as stream:
        return " | ".join(stream.text())


def _broken(llm: LLMService) -> str:
    try:
        return _streamed(llm)
    except LLMServiceError as error:
        return f"{type(error).__name__}, with what had arrived"


def _told(response: LLMResponse) -> str:
    return f"{response.text}  ({summary(response)})"
