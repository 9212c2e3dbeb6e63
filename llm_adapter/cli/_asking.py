"""What the commands that ask a model share: their options, and the request of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from .._schema import output_format
from ..errors import LLMContentPolicyError, LLMServiceError
from ..models import LLMRequest, LLMResponse
from ._candidates import models, providers
from ._reading import reading

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--provider",
        metavar="NAME[:MODEL]",
        shell_complete=providers,
        help="Whom to ask. Default: LLM_PROVIDER, else groq.",
    ),
    click.option(
        "--model",
        metavar="NAME",
        shell_complete=models,
        help="The model, if not the default one.",
    ),
    click.option(
        "--system",
        "system_message",
        metavar="TEXT",
        help="Instructions above the prompt.",
    ),
    click.option("--temperature", type=float, metavar="NUMBER", help="0 is steadiest."),
    click.option("--max-tokens", type=int, metavar="NUMBER", help="Cap on the answer."),
    click.option(
        "--timeout", type=float, metavar="SECONDS", help="For all attempts together."
    ),
)


def asks(command: Command) -> Command:
    """Give a command the options that become a request."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}


@contextmanager
def wrong_values() -> Iterator[None]:
    """Makes a value that no request takes an error of usage.

    Raises:
        click.UsageError: instead of a ValueError.
    """
    try:
        yield
    except LLMServiceError:
        raise
    except ValueError as error:
        raise click.UsageError(f"Invalid request: {error}.") from error


# -- the prompt -----------------------------------------------------------------------


def prompt_of(argument: str | None) -> str:
    """The prompt of an argument; without one, or with -, that of standard input.

    Raises:
        click.UsageError: there is none, or it is not UTF-8.
    """
    text = _from_stdin(argument) if argument in (None, "-") else argument
    if not text.strip():
        raise click.UsageError("The prompt is empty.")
    return text


def _from_stdin(argument: str | None) -> str:
    if sys.stdin is None or (argument is None and sys.stdin.isatty()):
        raise click.UsageError(
            "There is no prompt: give it as an argument, or through a pipe."
        )
    with reading("Standard input"):
        content = sys.stdin.buffer.read()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.UsageError(
            f"Standard input is not UTF-8: byte 0x{content[error.start]:02x} at "
            f"offset {error.start}. Convert it first, for example with iconv."
        ) from None


# -- JSON schemas ---------------------------------------------------------------------


def schema_in(path: Path) -> dict[str, Any]:
    """The response format in a file: a JSON schema, or one of the forms around it.

    Raises:
        click.UsageError: the file cannot be read, or holds none.
    """
    import json

    try:
        schema = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise _no_schema(path, f"{reason}") from None
    if not isinstance(schema, dict):
        raise _no_schema(path, f"it holds a {type(schema).__name__}, not an object")
    try:
        wanted = output_format(schema)
    except ValueError as error:
        raise _no_schema(path, f"{error}") from None
    if wanted is None:
        raise _no_schema(path, "it asks for plain text")
    kind = (wanted.schema or {}).get("type", "object")
    if "object" not in (kind if isinstance(kind, list) else [kind]):
        raise _no_schema(path, f"the answer is an object, but its type is {kind!r:.80}")
    return schema


def _no_schema(path: Path, reason: str) -> click.UsageError:
    return click.UsageError(f"{str(path)!r} holds no JSON schema: {reason}.")


# -- answers --------------------------------------------------------------------------


def blocked(response: LLMResponse) -> LLMContentPolicyError:
    """The error for an answer that a content policy blocked."""
    said = f" The model said: {response.refusal}" if response.refusal else ""
    return LLMContentPolicyError(
        f"A content policy blocked the answer, or the rest of it.{said}",
        provider=response.provider,
        model=response.model,
    )


def request_of(prompt: str | None, options: dict[str, Any]) -> LLMRequest:
    """The request of a prompt, and of the options that were given."""
    return LLMRequest(prompt_of(prompt), **given(options))
