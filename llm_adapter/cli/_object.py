"""`llm-adapter json`: a prompt in, a JSON object out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from attrs import evolve

from .._answers import json_request, read_object
from .._sync.factory import LLMFactory
from ._asking import asks, blocked, request_of, schema_in, wrong_values
from ._exits import table
from ._notes import Notes
from ._output import Output


@click.command("json", epilog=table())
@click.argument("prompt", required=False)
@asks
@click.option(
    "--schema",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file with the JSON schema of the answer.",
)
@click.option("--compact", is_flag=True, help="Print the object on one line.")
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Show model, tokens, cost and retries also where no terminal is.",
)
def json(
    prompt: str | None,
    provider: str | None,
    schema: Path | None,
    compact: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Send PROMPT and print the JSON object that answers it.

    As `generate --json`, with a schema if you like: the model is held to it where the
    provider can do that, and told of it where not.
    """
    notes = Notes(verbose)
    with wrong_values():
        request = request_of(prompt, options)
        if schema is not None:
            request = evolve(request, response_format=schema_in(schema))
        with notes.retries(), LLMFactory.create(provider) as llm:
            with notes.waiting(f"Waiting for {llm.get_provider_name()} ..."):
                response = llm.generate(json_request(request))
            if response.finish_reason == "content_filter":
                raise blocked(response)
            data = read_object(response)
    Output().write_json(data, compact=compact)
    notes.conclude(response)
