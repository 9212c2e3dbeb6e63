"""What a mock answers: keywords in, responses out, no I/O."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any, TypeAlias

from ._content import Content
from ._schema import output_format
from .models import (
    LLMRequest,
    LLMResponse,
    StreamEvent,
    Text,
    TextDelta,
    Usage,
)

Answer: TypeAlias = Any
"""Text, an exception, an LLMResponse, a mapping (as JSON), a callable, or a list."""

DEFAULT_TEXT = "Mock LLM response"
MODEL = "mock-model"
DIMENSIONS = 16

_WORDS = re.compile(r"\S+\s*|\s+")


class Answers:
    """The prepared answers of a mock; a list is used up one by one, its last stays."""

    def __init__(self, answers: Mapping[str, Answer] | None) -> None:
        if answers is not None and not isinstance(answers, Mapping):
            raise TypeError(
                "responses must be a mapping of keyword to answer, not "
                f"{type(answers).__name__}"
            )
        self._answers = {
            _checked(keyword, answer): _own(answer)
            for keyword, answer in (answers or {}).items()
        }

    def find(self, request: LLMRequest) -> LLMResponse:
        """The answer to the first keyword that the prompt contains.

        Raises:
            Exception: the prepared answer is one.
        """
        asked = prompt_text(request).lower()
        for keyword, answer in self._answers.items():
            if keyword.lower() in asked:
                return _response(answer, request)
        wants_json = output_format(request.response_format) is not None
        return _response("{}" if wants_json else DEFAULT_TEXT, request)


def _checked(keyword: object, answer: Answer) -> str:
    if not isinstance(keyword, str):
        raise TypeError(f"a keyword must be a string, not {type(keyword).__name__}")
    if isinstance(answer, list | tuple) and not answer:
        raise ValueError(f"the list of answers to {keyword!r} is empty")
    return keyword


def _own(answer: Answer) -> Answer:
    return list(answer) if isinstance(answer, list | tuple) else answer


def prompt_text(request: LLMRequest) -> str:
    """The text of the prompt and of the conversation before it."""
    earlier = (message.content for message in request.messages)
    return "\n".join([_text(request.prompt), *map(_text, earlier)])


def _text(content: Content) -> str:
    if isinstance(content, str):
        return content
    return " ".join(part.text for part in content if isinstance(part, Text))


def _response(answer: Answer, request: LLMRequest) -> LLMResponse:
    if isinstance(answer, list):
        answer = answer.pop(0) if len(answer) > 1 else answer[0]
    if callable(answer) and not isinstance(answer, type):
        answer = answer(request)
    if isinstance(answer, type) and issubclass(answer, BaseException):
        answer = answer()
    if isinstance(answer, BaseException):
        raise answer
    if isinstance(answer, LLMResponse):
        return answer
    if isinstance(answer, Mapping):
        answer = json.dumps(answer)
    if not isinstance(answer, str):
        raise TypeError(f"a mock cannot answer with {type(answer).__name__}")
    return _written(answer, request)


def _written(words: str, request: LLMRequest) -> LLMResponse:
    sent, received = len(prompt_text(request).split()), len(words.split())
    return LLMResponse(
        words,
        request.model or MODEL,
        provider="mock",
        usage=Usage(
            input_tokens=sent, output_tokens=received, total_tokens=sent + received
        ),
    )


def vector(text: str, dimensions: int | None) -> list[float]:
    """A vector of length 1 that only this text has.

    >>> vector("sea", 3) == vector("sea", 3) != vector("sky", 3)
    True
    """
    random = Random(text)
    numbers = [random.gauss(0.0, 1.0) for _ in range(dimensions or DIMENSIONS)]
    length = math.hypot(*numbers)
    return [number / length for number in numbers]


def word_by_word(events: Sequence[StreamEvent]) -> Iterator[StreamEvent]:
    """The same events, the text in pieces of a word."""
    for event in events:
        if isinstance(event, TextDelta):
            yield from map(TextDelta, _WORDS.findall(event.text))
        else:
            yield event


def check_called(calls: Sequence[LLMRequest], keyword: str) -> bool:
    """True when a call's prompt contained the keyword.

    Raises:
        AssertionError: none did; the message shows what was asked.
    """
    prompts = [prompt_text(call) for call in calls]
    if any(keyword.lower() in prompt.lower() for prompt in prompts):
        return True
    shown = "\n".join(f"  {prompt[:200]!r}" for prompt in prompts) or "  (no calls)"
    raise AssertionError(f"No call's prompt contains {keyword!r}. Calls were:\n{shown}")
