"""`llm-adapter map`: an answer for each row of a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import ExitStack, suppress
from io import UnsupportedOperation
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import IO, Any

import click
from attrs import evolve, frozen

from .._sync.factory import LLMFactory
from ..models import LLMRequest
from ._asking import asks, given, schema_in, wrong_values
from ._exits import INTERRUPTED, ROWS_FAILED, table
from ._mapping import Caller, Done, Task, run, tasks
from ._progress import Tally, progress, say
from ._reading import reading
from ._rows import Format, rows
from ._sink import STANDARD, Sink, Way, beside
from ._template import Template
from ._window import Window


@frozen(kw_only=True)
class Asked:
    """What is to be done, and how.

    Args:
        source: the input; - is standard input.
        target: the output; - is standard output.
        form: of the input.
        template: makes the prompts.
        column: what a row is called that is only a string.
        request: without its prompt.
        as_json: whether the answers are to be JSON objects.
        way: what becomes of the lines that the output has.
        limit: rows to look at, None for all.
    """

    source: Path
    target: Path
    form: Format
    template: Template
    column: str
    request: LLMRequest
    as_json: bool
    way: Way
    limit: int | None

    @property
    def salt(self) -> str:
        """What decides the answers, beside the row; not who gives them."""
        request = self.request
        return repr(
            (
                self.template,
                request.system_message,
                request.response_format,
                self.as_json,
            )
        )


@click.command("map", epilog=table(0, 1, 2, 3, 4, 5, ROWS_FAILED, INTERRUPTED, 141))
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(path_type=Path),
    default="-",
    help="Where the lines go. Default: standard output.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv"]),
    help="Of the input. Default: csv if its name ends in .csv, else jsonl.",
)
@click.option(
    "--column",
    default="prompt",
    show_default=True,
    metavar="NAME",
    help="The field with the prompt.",
)
@click.option(
    "--template", metavar="TEXT", help="Makes the prompt: 'Translate: {text}'."
)
@asks
@click.option("--json", "as_json", is_flag=True, help="Ask for JSON objects.")
@click.option(
    "--schema",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file with the JSON schema of the answers; implies --json.",
)
@click.option(
    "--at-once",
    type=click.IntRange(1, 256),
    default=8,
    show_default=True,
    metavar="NUMBER",
    help="Calls at the same time.",
)
@click.option(
    "--resume/--no-resume",
    "resumes",
    default=True,
    help="Keep the lines that the output has, which is the default, or start over.",
)
@click.option(
    "--retry-errors", "retries", is_flag=True, help="Redo the rows that failed."
)
@click.option(
    "--limit", type=click.IntRange(1), metavar="NUMBER", help="The first rows only."
)
def map_(
    source: Path,
    target: Path,
    form: Format | None,
    column: str,
    template: str | None,
    provider: str | None,
    as_json: bool,
    schema: Path | None,
    at_once: int,
    resumes: bool,
    retries: bool,
    limit: int | None,
    **options: Any,
) -> None:
    """Answer each row of INPUT, a file of JSON lines or a CSV; - is standard input.

    The output has a JSON object for each row, in their order, with its text, model,
    usage and cost, or with an error. Run it again after an interruption, or a kill:
    rows that are in the output already are not asked again.
    """
    if retries and (target == STANDARD or limit or not resumes):
        raise click.UsageError(
            "--retry-errors needs -o, and goes with neither --limit nor --no-resume."
        )
    with wrong_values():
        request = LLMRequest(**given(options))
        if schema is not None:
            request = evolve(request, response_format=schema_in(schema))
    asked = Asked(
        source=source,
        target=target,
        form=form or ("csv" if source.suffix.lower() == ".csv" else "jsonl"),
        template=_template(template, column),
        column=column,
        request=request,
        as_json=as_json or schema is not None,
        way="retry" if retries else "resume" if resumes else "replace",
        limit=limit,
    )
    tally = Tally()
    if _mapped(asked, provider, at_once, tally):
        say(f"It was interrupted; {_rest(asked)}.")
        raise click.exceptions.Exit(INTERRUPTED)
    if tally.failed or tally.kept_failed:
        raise click.exceptions.Exit(ROWS_FAILED)


def _rest(asked: Asked) -> str:
    """What becomes of an interrupted map."""
    if asked.way == "replace" and asked.target != STANDARD:
        return (
            f"{str(asked.target)!r} is as it was, and the new lines are in "
            f"{str(beside(asked.target.resolve()))!r}"
        )
    return "the same command goes on from here"


def _template(text: str | None, column: str) -> Template:
    if not column:
        raise click.UsageError("--column is empty: name the field with the prompt.")
    if text is None:
        return Template.column(column)
    try:
        return Template.read(text)
    except ValueError as error:
        raise click.UsageError(f"The template cannot be read: {error}.") from None


def _mapped(asked: Asked, provider: str | None, at_once: int, tally: Tally) -> bool:
    """Do it; whether it was interrupted."""
    with ExitStack() as stack:
        with wrong_values():
            llm = stack.enter_context(LLMFactory.create(provider))
        with ExitStack() as early:
            file = early.enter_context(_opened(asked.source))
            if asked.target != STANDARD:
                _tell_apart(file, asked.target)
            sink = stack.enter_context(Sink(asked.target, asked.way))
            early.pop_all()  # whoever reads the file closes it
        caller = Caller(llm, asked.request, as_json=asked.as_json)
        window: Window[Task, Done] = Window(
            _tasks(asked, file, sink),
            caller.made,
            at_once=at_once,
            known=caller.known,
        )
        shown = progress(_size(file), bar=not sink.is_terminal)
        try:
            interrupted = run(window, sink.write, shown, tally)
        finally:
            say(f"{tally.told(monotonic())}.")
        sink.finish(whole=not interrupted)
    return interrupted


def _tasks(asked: Asked, file: IO[bytes], sink: Sink) -> Generator[Task]:
    with file, reading("The input"):
        found = rows(file, asked.form, asked.template, asked.column, asked.salt)
        yield from tasks(
            islice(found, asked.limit),
            sink.kept(),
            str(asked.target),
            whole=asked.limit is None,
        )


def _opened(source: Path) -> IO[bytes]:
    if source == STANDARD:
        return _standard_input()
    try:
        return source.open("rb")
    except OSError as error:
        reason = error.strerror or error
        raise click.UsageError(f"{str(source)!r} cannot be read: {reason}.") from None


def _tell_apart(file: IO[bytes], target: Path) -> None:
    """Refuse an input that would be written."""
    for name in (target, beside(Path(os.path.realpath(target)))):
        # Without a number there is no file; what cannot be used is told later.
        with suppress(OSError):
            if os.path.samestat(name.stat(), os.fstat(file.fileno())):
                raise click.UsageError(
                    f"The output is the input, or is made in it ({str(name)!r}): name "
                    "another one with -o."
                )


def _standard_input() -> IO[bytes]:
    if sys.stdin is None or sys.stdin.isatty():
        raise click.UsageError("There is no input: name a file, or use a pipe.")
    try:
        # Of our own: Python ends badly while a thread waits for its own.
        return open(os.dup(sys.stdin.fileno()), "rb")
    except UnsupportedOperation:  # not of the system, but of a program around us
        return sys.stdin.buffer


def _size(file: IO[bytes]) -> int | None:
    try:
        return os.fstat(file.fileno()).st_size or None
    except UnsupportedOperation:
        return None
