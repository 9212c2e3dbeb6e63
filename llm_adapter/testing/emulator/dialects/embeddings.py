"""Embeddings, as OpenAI defined them and Ollama gives them (wire-protocols.md 10)."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Mapping
from functools import lru_cache
from random import Random
from typing import Any

from .. import text
from .completions import count_tokens
from .payload import Payload, Types

TYPES: Types = {
    "model": str,
    "input": (str, list),
    "dimensions": int,
    "encoding_format": str,
    "user": str,
}


def embed(
    payload: Payload, dimensions: int, usage: Mapping[str, Any]
) -> dict[str, Any]:
    """A vector for each input: of length 1, and the same for the same input.

    Args:
        payload: what is asked.
        dimensions: that the model has; the request may want fewer.
        usage: laid over the counts.
    """
    inputs = inputs_of(payload.get("input"))
    wanted = payload.get("dimensions", dimensions)
    dimensions = wanted if 0 < wanted < dimensions else dimensions
    packed = payload.get("encoding_format") == "base64"
    vectors = (vector(each, dimensions) for each in inputs)
    tokens = sum(count_tokens(each) for each in inputs)
    return {
        "object": "list",
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": pack(each) if packed else list(each),
            }
            for index, each in enumerate(vectors)
        ],
        "model": payload.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens, **usage},
    }


def inputs_of(value: Any) -> list[str]:
    """The inputs, one text each; lists of token numbers are spelled out.

    >>> inputs_of("a"), inputs_of(["a", "b"]), inputs_of([1, 2]), inputs_of([[1], [2]])
    (['a'], ['a', 'b'], ['[1, 2]'], ['[1]', '[2]'])
    """
    if isinstance(value, list) and not all(isinstance(each, int) for each in value):
        return [str(each) for each in value]
    return [str(value)]


@lru_cache(maxsize=256)
def vector(value: str, dimensions: int) -> tuple[float, ...]:
    """A point on the unit sphere, in the precision that base64 has as well.

    >>> round(sum(each * each for each in vector("a", 8)), 4)
    1.0
    """
    random = Random(text.digest(value))
    raw = [random.gauss() for _ in range(dimensions)]
    length = math.hypot(*raw)
    form = f"<{dimensions}f"
    return struct.unpack(form, struct.pack(form, *(each / length for each in raw)))


def pack(values: tuple[float, ...]) -> str:
    """Little-endian 32-bit floats in base64."""
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
