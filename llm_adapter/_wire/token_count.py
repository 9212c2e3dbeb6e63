"""Counts of a request's tokens, made by the provider (wire-protocols.md 10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import LLMInvalidResponseError
from .body import count, mapping, read_json
from .errors import describes_error, error_from_value

# What counting endpoints do not know: it says nothing of the prompt.
_OF_THE_ANSWER = (
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "stream",
    "stream_options",
    "temperature",
    "top_p",
    "store",
    "stop_sequences",
)


def without_answer(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a request, without the fields that only concern its answer.

    >>> without_answer({"model": "m", "max_tokens": 5})
    {'model': 'm'}
    """
    return {name: value for name, value in body.items() if name not in _OF_THE_ANSWER}


def decode_count(body: bytes) -> int:
    """The number of tokens in a body.

    Raises:
        LLMServiceError: the body is an error, or holds no number.
    """
    value = read_json(body)
    found = count(mapping(value).get("input_tokens"))
    if found is None:
        if describes_error(value):
            raise error_from_value(value, status_code=200)
        raise LLMInvalidResponseError(
            "The provider's answer holds no number of tokens.",
            text=body.decode("utf-8", "replace"),
        )
    return found
