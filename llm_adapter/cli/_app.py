"""The group of commands, and how errors become one line and an exit code."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import click

from .. import __version__
from ..errors import LLMServiceError
from ._emulator import emulator
from ._exits import INTERRUPTED, USAGE, exit_code
from ._generate import generate
from ._output import one_line
from ._usage import usage


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="llm-adapter")
@click.pass_context
def commands(context: click.Context) -> None:
    """Use any LLM provider from the command line.

    Keys and settings come from the environment, such as GROQ_API_KEY and LLM_PROVIDER,
    and from the file .env.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


commands.add_command(generate)
commands.add_command(emulator)
commands.add_command(usage)


def run(arguments: Sequence[str] | None) -> int:
    """Run a command; its exit code."""
    try:
        ended = commands.main(arguments, prog_name="llm-adapter", standalone_mode=False)
    except LLMServiceError as error:
        _complain(str(error))
        return exit_code(error)
    except click.UsageError as error:
        asked = error.ctx.command_path if error.ctx else "llm-adapter"
        said = error.format_message().rstrip(".")
        _complain(f"{said}. Try '{asked} --help'.")
        return USAGE
    except click.ClickException as error:
        _complain(error.format_message())
        return error.exit_code
    except click.Abort:
        return INTERRUPTED
    return ended or 0


def _complain(text: str) -> None:
    with suppress(OSError):  # nobody to hear it
        click.echo(f"Error: {one_line(text)}", err=True)
