"""A conversation: with whom, what was said, and what it cost."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import click
from attrs import define, evolve, field

from .._sync.factory import LLMFactory
from .._sync.service import LLMService
from ..errors import LLMServiceError
from ..models import LLMRequest, LLMResponse, Message, as_request
from ._files import checked, write_whole

_KEPT = ("role", "content", "reasoning", "provider_items")
_ZERO = Decimal(0)


@define
class Used:
    """What a model was used for."""

    answers: int = 0
    tokens: int = 0
    cost: Decimal = _ZERO
    unpriced: int = 0

    def add(self, response: LLMResponse) -> None:
        """Count an answer."""
        self.answers += 1
        self.tokens += response.tokens_used or 0
        self.cost += response.cost or _ZERO
        self.unpriced += response.cost is None

    def told(self) -> str:
        """In words.

        >>> Used(answers=2, tokens=1200, cost=Decimal("0.5")).told()
        '2 answers, 1,200 tokens, $0.5'
        """
        noun = "answer" if self.answers == 1 else "answers"
        unknown = f", {self.unpriced} of unknown cost" if self.unpriced else ""
        count = f"{self.answers} {noun}, {self.tokens:,} tokens"
        return f"{count}, ${self.cost:f}{unknown}"


@define
class Conversation:
    """What was said so far, and who is to answer next; to be closed.

    Args:
        request: without prompt and messages: what is the same for every turn.
        provider: a name, or name:model; None means that of the environment.
    """

    request: LLMRequest
    provider: str | None = None
    messages: tuple[Message, ...] = ()
    used: dict[str, Used] = field(factory=dict)
    _services: dict[str | None, LLMService] = field(factory=dict)
    _open: ExitStack = field(factory=ExitStack)

    @property
    def service(self) -> LLMService:
        """Who answers.

        Raises:
            LLMServiceError: unknown provider, missing key.
        """
        if self.provider not in self._services:
            made = LLMFactory.create(self.provider)
            self._services[self.provider] = self._open.enter_context(made)
        return self._services[self.provider]

    def switch(self, provider: str) -> None:
        """Have another provider answer from now on, with its own model.

        Raises:
            LLMServiceError: unknown provider, missing key; nothing is changed.
        """
        before = self.provider
        self.provider = provider
        try:
            _ = self.service
        except LLMServiceError:
            self.provider = before
            raise
        self.request = evolve(self.request, model=None)

    def change(self, **fields: Any) -> None:
        """Set the model or the system message.

        Raises:
            ValueError: no request takes it.
        """
        self.request = as_request(self.request, fields)

    # -- turns ------------------------------------------------------------------------

    def ask(self, text: str, write: Callable[[str], None]) -> LLMResponse:
        """The answer to a turn, which becomes a part of the conversation.

        One that was cut does so as far as it came: by Ctrl-C, or on the way.

        Args:
            text: what is said.
            write: is given the answer piece by piece.

        Raises:
            LLMServiceError: there is no answer, or a part of one.
            KeyboardInterrupt: somebody has stopped it.
        """
        request = evolve(self.request, prompt=text, messages=self.messages)
        with self.service.stream(request) as stream:
            try:
                for piece in stream.text():
                    write(piece)
            except (LLMServiceError, KeyboardInterrupt):
                partial = stream.partial
                if partial.text:
                    self._count(partial)
                    self._keep(text, Message("assistant", partial.text))
                raise
            response = stream.response
        self._count(response)
        if response.finish_reason != "content_filter":
            self._keep(text, response.message)
        return response

    def _keep(self, text: str, answer: Message) -> None:
        self.messages = (*self.messages, Message("user", text), answer)

    def _count(self, response: LLMResponse) -> None:
        name = f"{response.provider or self.service.get_provider_name()}"
        self.used.setdefault(f"{name}:{response.model}", Used()).add(response)

    # -- files ------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Write all of it to a file.

        Raises:
            click.ClickException: it cannot be written.
        """
        data = {
            "provider": self.provider,
            "model": self.request.model,
            "system": self.request.system_message,
            "messages": [
                {name: getattr(each, name) for name in _KEPT} for each in self.messages
            ],
        }
        text = json.dumps(data, ensure_ascii=False, indent=2)
        write_whole(checked(path, "conversation"), f"{text}\n", "conversation")

    def load(self, path: Path) -> None:
        """Go on with what a file holds, with the provider that answers now.

        Raises:
            click.ClickException: it holds no conversation.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            request = evolve(self.request, system_message=data["system"])
            found = LLMRequest(messages=data["messages"]).messages
            if not all(isinstance(each.content, str) for each in found):
                raise ValueError("a message is not plain text")
        except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
            reason = getattr(error, "strerror", None) or error
            raise click.ClickException(
                f"{str(path)!r} holds no conversation: {reason}."
            ) from None
        self.request, self.messages = request, found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.close()
