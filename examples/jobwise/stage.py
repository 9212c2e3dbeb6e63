"""What the audience sees of the workflows while they run: the same in every act."""

from __future__ import annotations

import logging
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from llm_adapter import (
    LLMServiceError,
    LLMStreamInterruptedError,
    ModelConfig,
)

from .catalogue import Workflow
from .ledger import Entry, Outcome
from .table import cost, seconds, tokens

INDENT = 4


class Stage:
    """Shows each step as it happens, and keeps what it took."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._form = ""
        self._typewriter = Typewriter(self._out, console.width)
        self.entries: list[Entry] = []

    def act(self, provider: str, form: str, code: str) -> None:
        """What follows is one provider in one form, made with that code."""
        self._form = form
        self._console.print()
        title = Text(f"{provider}, {form}", "bold")
        self._console.rule(title, align="left", style="dim", characters="─")
        line = Text(code)
        line.highlight_words([f'"{provider}"'], "bold green")
        self._console.print(line, soft_wrap=True)

    @contextmanager
    def workflow(self, workflow: Workflow, config: ModelConfig) -> Iterator[None]:
        """What happens inside is one workflow, as its model does it."""
        entry = Entry(workflow.title, config.provider, self._form, config.model)
        self.entries.append(entry)
        self._introduce(workflow, config)
        started = monotonic()
        try:
            yield
        except LLMServiceError as error:
            entry.failed = type(error).__name__
            raise
        finally:
            self._typewriter.finish()
            entry.seconds = monotonic() - started
        self._mark("✓", "green", _summary(entry))

    def _introduce(self, workflow: Workflow, config: ModelConfig) -> None:
        self._console.print()
        self._console.print(
            Text.assemble(
                (workflow.name, "bold cyan"),
                "  ",
                (", ".join(_settings(config)), "dim"),
            )
        )

    def failed(self, error: LLMServiceError) -> None:
        """An act has ended before its time."""
        self._mark("✗", "red", f"Error: {error}")

    # -- the wire -------------------------------------------------------------------

    def sent(self, method: str, url: str, body: Mapping[str, Any] | None) -> None:
        """A request is on its way."""
        model = (body or {}).get("model", "")
        self._mark("→", "blue", f"{method} {url} {model}", "dim")

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Show the library's log of failed attempts and waits, and the services'."""
        with (
            _heard("llm_adapter", self._attempt_failed),
            _heard("jobwise", self._rejected),
        ):
            yield

    def _attempt_failed(self, said: str) -> None:
        self._mark("✗", "yellow", said.partition(": ")[2])

    def _rejected(self, said: str) -> None:
        self._mark("✗", "yellow", said)

    def called(self, outcome: Outcome) -> None:
        """A call has ended."""
        self.entries[-1].outcomes.append(outcome)

    # -- answers --------------------------------------------------------------------

    def show(self, text: str) -> None:
        """Show an answer."""
        self._out(_wrapped(text, self._console.width, " " * INDENT) + "\n")

    def write(self, piece: str) -> None:
        """Show the next piece of a streamed answer."""
        self._typewriter.feed(piece)

    def interrupted(self, error: LLMStreamInterruptedError) -> None:
        """A stream was cut."""
        self._typewriter.finish()
        arrived = len(error.partial.text.split()) if error.partial else 0
        self._mark(
            "✗",
            "yellow",
            f"{type(error).__name__}: {arrived} words had arrived. Asking again.",
        )

    def _mark(self, sign: str, color: str, text: str, style: str = "") -> None:
        said = _wrapped(text, self._console.width, " " * INDENT).lstrip()
        line = Text.assemble("  ", (sign, color), " ", (said, style))
        self._console.print(line, soft_wrap=True)

    def _out(self, text: str) -> None:
        self._console.out(text, end="", highlight=False)


def _wrapped(text: str, width: int, indent: str) -> str:
    return textwrap.fill(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


@contextmanager
def _heard(name: str, tell: Callable[[str], None]) -> Iterator[None]:
    logger = logging.getLogger(name)
    handler, level = _Handler(tell), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


class _Handler(logging.Handler):
    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        # Its warnings come as errors as well.
        if record.levelno == logging.INFO:
            self._tell(record.getMessage())


class Typewriter:
    """Writes words as soon as they are whole, and begins a line where one is full."""

    def __init__(self, write: Callable[[str], None], width: int) -> None:
        self._write = write
        self._width = width
        self._word = ""
        self._column = 0

    def feed(self, piece: str) -> None:
        """The next piece of the text, wherever it was cut."""
        for token in re.findall(r"\n|[^\S\n]+|\S+", piece):
            if token == "\n":
                self._end_word()
                self._write("\n")
                self._column = 0
            elif token.isspace():
                self._end_word()
            else:
                self._word += token

    def finish(self) -> None:
        """Write the last word and end the line."""
        self._end_word()
        if self._column:
            self._write("\n")
        self._column = 0

    def _end_word(self) -> None:
        if not self._word:
            return
        size = cell_len(self._word)
        if self._column and self._column + 1 + size > self._width:
            self._write("\n")
            self._column = 0
        before = " " if self._column else " " * INDENT
        self._write(before + self._word)
        self._column += len(before) + size
        self._word = ""


def _settings(config: ModelConfig) -> Iterator[str]:
    """What its requests carry beside the model, which each of them shows."""
    if config.temperature is not None:
        yield f"temperature {config.temperature}"
    yield f"{config.max_tokens} tokens"
    if config.reasoning_effort is not None:
        yield f"{config.reasoning_effort} effort"


def _summary(entry: Entry) -> str:
    attempts, spent = entry.attempts, entry.cost
    facts = [
        f"{tokens(entry.tokens)} tokens",
        "cost unknown" if spent.is_unknown else cost(spent),
        f"{attempts} attempt" if attempts == 1 else f"{attempts} attempts",
        f"waited {seconds(entry.waited)}" if entry.waited else "",
        seconds(entry.seconds),
    ]
    return " · ".join(fact for fact in facts if fact)
