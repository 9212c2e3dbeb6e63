"""JSON as bytes, as providers send it: raw UTF-8, and damaged where asked."""

from __future__ import annotations

import json
from typing import Any


def encode(value: Any) -> bytes:
    """The value as compact UTF-8 JSON.

    Characters U+DC80 to U+DCFF leave as the raw bytes 80 to FF (PEP 383), so that a
    text can hold broken UTF-8; other lone surrogates leave escaped.

    >>> encode({"text": "é" + chr(0xDCFF)})
    b'{"text":"\\xc3\\xa9\\xff"}'
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def decode(data: bytes) -> Any:
    """The JSON value, or None where the bytes are not readable JSON.

    >>> decode(b'{"a": 1}'), decode(b'{"a": ')
    ({'a': 1}, None)
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def decode_object(data: bytes, besides: str) -> tuple[dict[str, Any], str] | None:
    """The JSON object and one spelling of it; None where the bytes hold none.

    Fields that start with `besides` are left out of the spelling.

    >>> decode_object(b'{"b": 1, "stream": true, "a": 2}', "stream")
    ({'b': 1, 'stream': True, 'a': 2}, '{"a": 2, "b": 1}')
    """
    try:
        value = json.loads(data)
        if not isinstance(value, dict):
            return None
        meaning = {k: v for k, v in value.items() if not k.startswith(besides)}
        return value, json.dumps(meaning, sort_keys=True)
    except (ValueError, RecursionError):
        return None


def dig(value: Any, *path: str) -> Any:
    """What lies under the keys, or None where something on the way is missing.

    >>> dig({"a": {"b": 1}}, "a", "b"), dig({"a": 1}, "a", "b")
    (1, None)
    """
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value
