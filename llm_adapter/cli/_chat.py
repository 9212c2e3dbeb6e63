"""`llm-adapter chat`: a conversation, turn by turn."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from ..errors import LLMServiceError
from ..models import LLMRequest
from ._asking import asks, blocked, given, wrong_values
from ._conversation import Conversation
from ._exits import table
from ._lines import taken
from ._notes import Notes
from ._output import Output
from ._turns import piped, typed

_HELP = (
    "/provider NAME[:MODEL]  have another provider answer",
    "/model NAME             have another of its models answer",
    "/system TEXT            change the instructions; without TEXT, remove them",
    "/reset                  forget what was said",
    "/save FILE              write the conversation to a file",
    "/load FILE              go on with one from a file",
    "/usage                  show tokens and cost so far",
    "/help                   show this",
    'A \\ at the end of a line goes on in the next; so does everything from """ to',
    '""". A line that begins with // is said with one /. Ctrl-C stops an answer,',
    "Ctrl-D leaves.",
)


@click.command(epilog=table())
@asks
@click.option(
    "--json", "as_json", is_flag=True, help="Print an object for each answer."
)
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Show model, tokens, cost and retries also where no terminal is.",
)
def chat(provider: str | None, as_json: bool, verbose: bool, **options: Any) -> None:
    """Talk with a model; /help lists what can be said to the program itself.

    In a pipe each line is a turn: answers go to standard output, everything else to
    standard error, and the first error ends it.
    """
    with wrong_values():
        request = LLMRequest(**given(options))
    output = Output()
    interactive = output.is_terminal and bool(sys.stdin and sys.stdin.isatty())
    with Conversation(request, provider) as conversation:
        with wrong_values():
            name = conversation.service.get_provider_name()
        talk = _Talk(
            conversation,
            output,
            Notes(verbose),
            interactive=interactive,
            as_json=as_json,
        )
        if interactive:
            talk.say(f"You talk with {name}; /help lists the commands.")
        for turn in typed(talk.say) if interactive else piped():
            talk.take(turn)


class _Talk:
    """Turns and commands, one after another.

    Args:
        conversation: of which they are.
        output: for the answers.
        notes: about the answers.
        interactive: whether somebody is there to go on after an error.
        as_json: whether an answer is an object on a line, once it is whole.
    """

    def __init__(
        self,
        conversation: Conversation,
        output: Output,
        notes: Notes,
        *,
        interactive: bool,
        as_json: bool,
    ) -> None:
        self._conversation = conversation
        self._notes = notes
        self._replies = Notes(verbose=True)
        self._output = output
        self._interactive = interactive
        self._as_json = as_json
        self._commands: Mapping[str, Callable[[str], None]] = {
            "provider": self._provider,
            "model": self._model,
            "system": self._system,
            "reset": self._reset,
            "save": self._save,
            "load": self._load,
            "usage": self._usage,
            "help": self._help,
        }

    def say(self, text: str) -> None:
        """A line of the program itself."""
        self._replies.say(text)

    def take(self, turn: str) -> None:
        """Do what a turn wants.

        Raises:
            LLMServiceError, click.ClickException: it cannot be done, and nobody is
                there to go on.
        """
        if not turn.strip():
            return
        try:
            if turn.startswith("/") and not turn.startswith("//"):
                self._command(turn)
            else:
                self._answer(turn.removeprefix("/") if turn[:2] == "//" else turn)
        except (LLMServiceError, click.ClickException) as error:
            if not self._interactive:
                raise
            told = error if isinstance(error, LLMServiceError) else error.message
            self.say(f"Error: {told}")

    def _answer(self, text: str) -> None:
        before = self._conversation.messages
        try:
            with wrong_values(), self._notes.retries():
                write = _nothing if self._as_json else self._output.write
                response = self._conversation.ask(text, write)
        except KeyboardInterrupt:
            if not self._interactive:
                raise
            self._output.end_line()
            if self._conversation.messages is before:
                self.say("Stopped; nothing has arrived.")
            else:
                self.say("Stopped; what has arrived is a part of the conversation.")
            return
        finally:
            self._output.end_line()
        if self._as_json:
            told = {"text": response.text, **taken(response)}
            self._output.write_json(told, compact=True)
        self._notes.conclude(response)
        if response.finish_reason == "content_filter":
            raise blocked(response)

    # -- commands ---------------------------------------------------------------------

    def _command(self, turn: str) -> None:
        name, _, rest = turn[1:].partition(" ")
        command = self._commands.get(name.strip())
        if command is None:
            known = ", ".join(f"/{each}" for each in self._commands)
            raise click.UsageError(f"There is no /{name.strip()}: there are {known}.")
        command(rest.strip())

    def _provider(self, name: str) -> None:
        if name:
            with wrong_values():
                self._conversation.switch(name)
        service = self._conversation.service
        self.say(f"{service.get_provider_name()} answers.")

    def _model(self, name: str) -> None:
        if name:
            with wrong_values():
                self._conversation.change(model=name)
        self.say(f"The model is {self._conversation.request.model or 'the usual one'}.")

    def _system(self, text: str) -> None:
        self._conversation.change(system_message=text or None)
        self.say("The instructions are set." if text else "There are no instructions.")

    def _reset(self, _: str) -> None:
        self._conversation.messages = ()
        self.say("Nothing has been said.")

    def _save(self, name: str) -> None:
        self._conversation.save(_file(name))
        self.say(f"The conversation is in {name}.")

    def _load(self, name: str) -> None:
        self._conversation.load(_file(name))
        count = len(self._conversation.messages)
        self.say(f"The conversation has {count} messages.")

    def _usage(self, _: str) -> None:
        used = self._conversation.used
        for name, each in used.items():
            self.say(f"{name}: {each.told()}")
        if not used:
            self.say("Nothing was used.")

    def _help(self, _: str) -> None:
        for line in _HELP:
            self.say(line)


def _nothing(piece: str) -> None:
    """The answer is shown when it is whole."""


def _file(name: str) -> Path:
    if not name:
        raise click.UsageError("Name the file, as in /save talk.json.")
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise click.ClickException(
            f"{name!r} names the home of nobody: write the path in full."
        ) from None
