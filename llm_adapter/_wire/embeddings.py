"""Embeddings, as OpenAI and compatible servers make them: vectors as numbers or base64.

Source: reference/wire-protocols.md 10.
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from ..errors import LLMInvalidResponseError
from ..models import EmbeddingResponse
from .body import mapping, read_json, text
from .errors import describes_error, error_from_value
from .openai_chat_usage import decode_usage

PATH = "/embeddings"


def encode_embeddings(
    texts: Sequence[str],
    *,
    model: str,
    encoding: Literal["float", "base64"],
    dimensions: int | None,
    extra_body: Mapping[str, Any],
) -> dict[str, Any]:
    """The body that asks for a vector of each text."""
    body: dict[str, Any] = {
        "model": model,
        "input": list(texts),
        "encoding_format": encoding,
    }
    if dimensions is not None:
        body["dimensions"] = dimensions
    return {**body, **extra_body}


def decode_embeddings(body: bytes, number: int) -> EmbeddingResponse:
    """The vectors in a body, in the order of the texts.

    Args:
        body: of the answer.
        number: of texts that were sent.

    Raises:
        LLMServiceError: the body is an error, or does not hold a vector for each text.
    """
    value = read_json(body)
    fields = mapping(value)
    items = fields.get("data")
    if not isinstance(items, list):
        if describes_error(value):
            raise error_from_value(value, status_code=200)
        raise _unusable("holds no list of vectors", body)
    found = dict(_vectors(items, body))
    if found.keys() != set(range(number)) or len(items) != number:
        raise _unusable(f"holds {len(items)} vectors for {number} texts", body)
    if len({len(vector) for vector in found.values()}) > 1:
        raise _unusable("holds vectors of different lengths", body)
    return EmbeddingResponse(
        [found[position] for position in range(number)],
        text(fields.get("model")) or "",
        usage=decode_usage(mapping(fields.get("usage"))),
    )


def _vectors(items: list[Any], body: bytes) -> Iterator[tuple[int, list[float]]]:
    """The vectors with their places; an index may be missing."""
    for position, item in enumerate(map(mapping, items)):
        vector, index = _vector(item.get("embedding")), item.get("index")
        if not vector or not all(map(math.isfinite, vector)):
            raise _unusable(f"holds no numbers as its vector {position}", body)
        if index is not None and type(index) is not int:
            raise _unusable(f"holds the vector {index!r:.40}, which is no place", body)
        yield (position if index is None else index), vector


def _vector(value: object) -> list[float] | None:
    if isinstance(value, str):
        return _floats(value)
    if not isinstance(value, list):
        return None
    # isinstance would let True pass.
    if not all(type(each) in (int, float) for each in value):
        return None
    try:
        return [float(each) for each in value]
    except OverflowError:
        return None


def _floats(encoded: str) -> list[float] | None:
    """Little-endian 32-bit floats behind base64."""
    try:
        packed = base64.b64decode(encoded, validate=True)
        return list(struct.unpack(f"<{len(packed) // 4}f", packed))
    except (ValueError, struct.error):  # no base64, or a part of a float
        return None


def _unusable(reason: str, body: bytes) -> LLMInvalidResponseError:
    return LLMInvalidResponseError(
        f"The provider's answer {reason}.",
        text=body.decode("utf-8", "replace"),
        retryable=True,
    )
