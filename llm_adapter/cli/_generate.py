"""`llm-adapter generate`: a prompt in, an answer out."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from .._answers import json_request, read_object
from .._sync.factory import LLMFactory
from .._sync.service import LLMService
from ..errors import LLMContentPolicyError, LLMServiceError
from ..models import LLMRequest, LLMResponse
from ._exits import table
from ._notes import Notes
from ._output import Output


@click.command(epilog=table())
@click.argument("prompt", required=False)
@click.option(
    "--provider",
    metavar="NAME[:MODEL]",
    help="Whom to ask. Default: LLM_PROVIDER, else groq.",
)
@click.option("--model", metavar="NAME", help="The model, if not the default one.")
@click.option(
    "--system", "system_message", metavar="TEXT", help="Instructions above the prompt."
)
@click.option("--temperature", type=float, metavar="NUMBER", help="0 is steadiest.")
@click.option("--max-tokens", type=int, metavar="NUMBER", help="Cap on the answer.")
@click.option(
    "--timeout", type=float, metavar="SECONDS", help="For all attempts together."
)
@click.option("--json", "as_json", is_flag=True, help="Print one valid JSON object.")
@click.option("--stream", is_flag=True, help="Print the answer as it is written.")
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Show model, tokens, cost and retries also where no terminal is.",
)
def generate(
    prompt: str | None,
    provider: str | None,
    as_json: bool,
    stream: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Send PROMPT and print the answer.

    Without PROMPT, or with -, it is read from standard input as UTF-8. The answer goes
    to standard output and everything else to standard error.
    """
    if as_json and stream:
        raise click.UsageError("--json and --stream exclude each other.")
    form = _json if as_json else _stream if stream else _text
    notes = Notes(verbose)
    try:
        request = LLMRequest(_prompt(prompt), **_given(options))
        with notes.retries(), LLMFactory.create(provider) as llm:
            response = form(llm, request, notes)
    except LLMServiceError:
        raise
    except ValueError as error:
        raise click.UsageError(f"Invalid request: {error}.") from error
    notes.conclude(response)
    if response.finish_reason == "content_filter":
        raise _blocked(response)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _prompt(argument: str | None) -> str:
    text = _from_stdin(argument) if argument in (None, "-") else argument
    if not text.strip():
        raise click.UsageError("The prompt is empty.")
    return text


def _from_stdin(argument: str | None) -> str:
    if sys.stdin is None or (argument is None and sys.stdin.isatty()):
        raise click.UsageError(
            "There is no prompt: give it as an argument, or through a pipe."
        )
    content = sys.stdin.buffer.read()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.UsageError(
            f"Standard input is not UTF-8: byte 0x{content[error.start]:02x} at "
            f"offset {error.start}. Convert it first, for example with iconv."
        ) from None


def _text(llm: LLMService, request: LLMRequest, notes: Notes) -> LLMResponse:
    response = _whole(llm, request, notes)
    output = Output()
    output.write(response.text)
    output.end_line()
    return response


def _json(llm: LLMService, request: LLMRequest, notes: Notes) -> LLMResponse:
    # As LLMService.generate_json does, but the notes need the response as well.
    response = _whole(llm, json_request(request), notes)
    output = Output()
    data = read_object(response)
    output.write(json.dumps(data, ensure_ascii=not output.is_unicode, indent=2))
    output.end_line()
    return response


def _whole(llm: LLMService, request: LLMRequest, notes: Notes) -> LLMResponse:
    with notes.waiting(f"Waiting for {llm.get_provider_name()} ..."):
        return llm.generate(request)


def _stream(llm: LLMService, request: LLMRequest, notes: Notes) -> LLMResponse:
    output = Output()
    with llm.stream(request) as stream:
        try:
            for piece in stream.text():
                output.write(piece)
        finally:
            output.end_line()
        return stream.response


def _blocked(response: LLMResponse) -> LLMContentPolicyError:
    said = f" The model said: {response.refusal}" if response.refusal else ""
    return LLMContentPolicyError(
        f"A content policy blocked the answer, or the rest of it.{said}",
        provider=response.provider,
        model=response.model,
    )
