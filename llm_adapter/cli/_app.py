"""The group of commands, and how errors become one line and an exit code."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import ClassVar

import click
from attrs import frozen
from click.shell_completion import CompletionItem

from .. import __version__
from ..errors import LLMServiceError
from ._exits import INTERRUPTED, OUTPUT_CLOSED, USAGE, exit_code
from ._output import one_line, settle


@frozen
class Entry:
    """A command of the group, which is loaded when it is asked for.

    Args:
        module: where it is, and under which name.
        name: in that module.
        summary: what the group says of it.
    """

    module: str
    name: str
    summary: str

    def load(self) -> click.Command:
        """The command itself."""
        found = getattr(import_module(f".{self.module}", __package__), self.name)
        assert isinstance(found, click.Command)
        return found


class Commands(click.Group):
    """Commands that are loaded one by one: most of them need what others do not."""

    entries: ClassVar[Mapping[str, Entry]] = {
        "generate": Entry("_generate", "generate", "Send a prompt, print the answer."),
        "json": Entry("_object", "json", "Send a prompt, print a JSON object."),
        "chat": Entry("_chat", "chat", "Talk with a model."),
        "map": Entry("_map", "map_", "Answer each row of a file of prompts."),
        "models": Entry("_models", "models", "List models and their prices."),
        "usage": Entry("_usage", "usage", "Show what was used, and what it cost."),
        "doctor": Entry("_doctor", "doctor", "See what is set up, and what works."),
        "emulator": Entry("_emulator", "emulator", "Run providers on this machine."),
        "demo": Entry("_demo", "demo", "Show what the library does; needs no key."),
        "completion": Entry(
            "_completion", "completion", "Print a script for completion by a shell."
        ),
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self.entries.get(cmd_name)
        return None if entry is None else entry.load()

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, entry.summary) for name, entry in self.entries.items()]
            )

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[CompletionItem]:
        commands = [
            CompletionItem(name, help=entry.summary)
            for name, entry in self.entries.items()
            if name.startswith(incomplete)
        ]
        # A group's own would load all of them.
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]


@click.group(
    cls=Commands,
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
    except SystemExit:  # click's own way when the reader of its help goes away
        settle()
        return OUTPUT_CLOSED
    except OSError as error:
        settle()
        _complain(_told(error))
        return 1
    return ended or 0


def _told(error: OSError) -> str:
    try:
        os.getcwd()
    except OSError:
        return "The working directory is gone: change to another one."
    where = "" if error.filename is None else f": {str(error.filename)!r}"
    return f"The system says: {error.strerror or error}{where}."


def _complain(text: str) -> None:
    with suppress(OSError):  # nobody to hear it
        click.echo(f"Error: {one_line(text)}", err=True)
