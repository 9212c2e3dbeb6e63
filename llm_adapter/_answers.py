"""JSON answers: what to ask the model for, and how to read what it says."""

from __future__ import annotations

from typing import Any, TypeVar

from attrs import evolve

from ._content import Content
from ._json import parse_object
from ._schema import (
    JSON_INSTRUCTION,
    JSON_OBJECT,
    build,
    output_format,
    with_instruction,
)
from .errors import LLMInvalidResponseError, LLMServiceError
from .models import LLMRequest, LLMResponse, Text

T = TypeVar("T")


def json_request(request: LLMRequest) -> LLMRequest:
    """The request in JSON mode; a schema that it asks for already is kept.

    Providers refuse JSON mode unless a message mentions JSON, so the instruction is
    added where none does (wire-protocols.md 1.4).
    """
    wanted = output_format(request.response_format)
    if wanted is None:
        request = evolve(request, response_format=JSON_OBJECT)
    if (wanted is not None and wanted.schema is not None) or _mentions_json(request):
        return request
    system = with_instruction(request.system_message, JSON_INSTRUCTION)
    return evolve(request, system_message=system)


def _mentions_json(request: LLMRequest) -> bool:
    contents = [request.prompt, *(message.content for message in request.messages)]
    texts = [request.system_message or "", *map(_text, contents)]
    return any("json" in text.lower() for text in texts)


def _text(content: Content) -> str:
    if isinstance(content, str):
        return content
    return " ".join(part.text for part in content if isinstance(part, Text))


def read_object(response: LLMResponse) -> dict[str, Any]:
    """The JSON object in an answer.

    Raises:
        LLMInvalidResponseError: it was cut, refused, or is not a JSON object; with the
            text and, where there is one, the position.
    """
    try:
        if response.finish_reason == "length":
            raise _unusable(
                response,
                "The answer was cut at its token limit, so it is not whole JSON: "
                "raise max_tokens.",
            )
        if response.finish_reason == "content_filter":
            said = f": {response.refusal}" if response.refusal else "."
            raise _unusable(response, f"The model refused to answer{said}")
        return parse_object(response.text)
    except LLMInvalidResponseError as error:
        raise _named(error, response) from None


def read_as(kind: type[T], response: LLMResponse) -> T:
    """The value of a type that is in an answer.

    Raises:
        LLMInvalidResponseError: as for read_object, or the object does not fit.
    """
    data = read_object(response)
    try:
        return build(kind, data, text=response.text)
    except LLMInvalidResponseError as error:
        raise _named(error, response) from None


def _unusable(response: LLMResponse, message: str) -> LLMInvalidResponseError:
    return LLMInvalidResponseError(message, text=response.text)


def _named(error: LLMInvalidResponseError, response: LLMResponse) -> LLMServiceError:
    error.provider = response.provider
    error.model = response.model or None
    error.request_id = response.request_id
    error.attempts = response.attempts
    error.history = response.history
    return error
