"""`llm-adapter generate`: a prompt in, an answer out."""

from __future__ import annotations

from typing import Any

import click

from .._answers import json_request, read_object
from .._sync.factory import LLMFactory
from .._sync.service import LLMService
from ..models import LLMRequest, LLMResponse
from ._asking import asks, blocked, request_of, wrong_values
from ._exits import table
from ._notes import Notes
from ._output import Output


@click.command(epilog=table())
@click.argument("prompt", required=False)
@asks
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
    with wrong_values():
        request = request_of(prompt, options)
        with notes.retries(), LLMFactory.create(provider) as llm:
            response = form(llm, request, notes)
    notes.conclude(response)
    if response.finish_reason == "content_filter":
        raise blocked(response)


def _text(llm: LLMService, request: LLMRequest, notes: Notes) -> LLMResponse:
    response = _whole(llm, request, notes)
    output = Output()
    output.write(response.text)
    output.end_line()
    return response


def _json(llm: LLMService, request: LLMRequest, notes: Notes) -> LLMResponse:
    # As LLMService.generate_json does, but the notes need the response as well.
    response = _whole(llm, json_request(request), notes)
    Output().write_json(read_object(response))
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
