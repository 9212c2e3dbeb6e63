"""What is said beside the answer, on standard error."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from rich.console import Console

from ..models import LLMResponse
from ._output import one_line


class Notes:
    """Lines for people: shown on a terminal, or everywhere when asked for.

    Args:
        verbose: also where standard error is no terminal.
    """

    def __init__(self, verbose: bool) -> None:
        self._console = Console(
            stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True
        )
        self._is_terminal = bool(sys.stderr and sys.stderr.isatty())
        self._shown = verbose or self._is_terminal

    def say(self, text: str) -> None:
        """Show a line."""
        if self._shown:
            self._console.print(one_line(text), style="dim")

    def waiting(self, text: str) -> AbstractContextManager[object]:
        """Show on a terminal that something takes its time, until it is over."""
        if not self._is_terminal:
            return nullcontext()
        return self._console.status(f"[dim]{one_line(text)}[/dim]")

    @contextmanager
    def retries(self) -> Iterator[None]:
        """Show the library's log of failed attempts and waits.

        It keeps its warnings off standard error: they come as errors and on responses.
        """
        logger = logging.getLogger("llm_adapter")
        handler, level = _Handler(self), logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            yield
        finally:
            logger.setLevel(level)
            logger.removeHandler(handler)

    def conclude(self, response: LLMResponse) -> None:
        """Show what the answer took, and what its caller should know."""
        self.say(summary(response))
        for warning in response.warnings:
            self.say(f"Warning: {warning}")
        if response.finish_reason == "length":
            self.say(
                "Warning: the answer was cut at its token limit: raise --max-tokens."
            )


class _Handler(logging.Handler):
    def __init__(self, notes: Notes) -> None:
        super().__init__(logging.INFO)
        self._notes = notes

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno == logging.INFO:
            self._notes.say(record.getMessage())


def summary(response: LLMResponse) -> str:
    """Model, tokens, cost, attempts and time in one line.

    >>> summary(LLMResponse("Hi", "m", provider="p", generation_time=1.23))
    'm on p · tokens unknown · cost unknown · 1 attempt · 1.2 s'
    """
    usage, attempts = response.usage, response.attempts
    source = f" on {response.provider}" if response.provider else ""
    tokens = f"{response.tokens_used:,} tokens" if response.tokens_used else None
    if tokens and usage.input_tokens is not None and usage.output_tokens is not None:
        tokens += f" ({usage.input_tokens:,} in, {usage.output_tokens:,} out)"
    cost = None if response.cost is None else f"${response.cost:f}"
    facts = (
        f"{response.model}{source}",
        tokens or "tokens unknown",
        cost or "cost unknown",
        f"{attempts} attempt" if attempts == 1 else f"{attempts} attempts",
        f"{response.generation_time:.1f} s",
    )
    return " · ".join(facts)
