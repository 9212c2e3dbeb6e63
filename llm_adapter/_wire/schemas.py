"""JSON schemas, cut to the part that Anthropic can hold an answer to.

Keywords beyond it are refused by the API: they move into the description, where the
model may still heed them (reference/wire-protocols.md 4.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

_DATES = ("date-time", "time", "date", "duration")
FORMATS = frozenset((*_DATES, "email", "hostname", "uri", "ipv4", "ipv6", "uuid"))

_PLAIN = frozenset(("type", "title", "description", "required", "$ref"))
_BY_NAME = ("properties", "$defs", "definitions")
_DEFINITIONS = ("$ref", "$defs", "definitions")
_SAYS_NOTHING = frozenset(("$schema", "$id", "$comment", "$anchor"))
_DEEPEST = 100


def supported_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with what is not supported put into words; a new value.

    >>> supported_schema({"type": "integer", "minimum": 1, "description": "Age."})
    {'type': 'integer', 'description': 'Age.\\n\\n{minimum: 1}'}

    Raises:
        ValueError: it is nested too deeply, or holds itself.
    """
    return _supported(schema, 0)


def is_open(schema: Any) -> bool:
    """Whether an object in the schema takes properties that it does not name.

    >>> is_open({"type": "object", "additionalProperties": {"type": "integer"}})
    True

    Raises:
        ValueError: it is nested too deeply, or holds itself.
    """
    return _is_open(schema, 0)


def _is_open(schema: Any, depth: int) -> bool:
    if depth > 2 * _DEEPEST:
        raise _too_deep()
    if isinstance(schema, Mapping):
        others = schema.get("additionalProperties", not schema.get("properties"))
        if schema.get("type") == "object" and others is not False:
            return True
        return any(_is_open(each, depth + 1) for each in schema.values())
    return isinstance(schema, list | tuple) and any(
        _is_open(each, depth + 1) for each in schema
    )


def _too_deep() -> ValueError:
    return ValueError("a JSON schema is nested too deeply, or in a circle")


def _supported(schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
    if depth > _DEEPEST:
        raise _too_deep()
    kept: dict[str, Any] = {}
    notes: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword == "oneOf" and "anyOf" not in schema:
            keyword = "anyOf"
        if keyword in _BY_NAME and isinstance(value, Mapping):
            kept[keyword] = {name: _inner(each, depth) for name, each in value.items()}
        elif keyword in ("anyOf", "allOf") and isinstance(value, list | tuple):
            kept[keyword] = [_inner(each, depth) for each in value]
        elif keyword == "items" and isinstance(value, Mapping):
            kept[keyword] = _inner(value, depth)
        elif _is_supported(keyword, value):
            kept[keyword] = value
        elif keyword not in _SAYS_NOTHING:
            notes[keyword] = value
    return _with_notes(*_closed(kept, notes))


def _inner(schema: Any, depth: int) -> Any:
    """A schema within another; true, false and nonsense stay as they are."""
    return _supported(schema, depth + 1) if isinstance(schema, Mapping) else schema


def _is_supported(keyword: str, value: Any) -> bool:
    if keyword == "enum":
        return isinstance(value, list | tuple) and bool(value) and _are_plain(value)
    if keyword == "const":
        return _are_plain([value])
    if keyword == "format":
        return isinstance(value, str) and value in FORMATS
    if keyword == "minItems":
        return value in (0, 1)
    return keyword in _PLAIN


def _are_plain(values: Iterable[Any]) -> bool:
    return all(
        value is None or isinstance(value, str | int | float) for value in values
    )


def _closed(
    kept: dict[str, Any], notes: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Objects take no other properties, as the API wants it said."""
    kinds = kept.get("type")
    is_object = kinds == "object" or (isinstance(kinds, list) and "object" in kinds)
    if not (is_object or "properties" in kept or "additionalProperties" in notes):
        return kept, notes
    others = notes.pop("additionalProperties", None)
    if isinstance(others, Mapping):
        notes["additionalProperties"] = others
    return {**kept, "additionalProperties": False}, notes


def _with_notes(kept: dict[str, Any], notes: dict[str, Any]) -> dict[str, Any]:
    if notes:
        words = ", ".join(f"{name}: {_written(value)}" for name, value in notes.items())
        before = kept.get("description")
        start = f"{before}\n\n" if isinstance(before, str) and before else ""
        kept["description"] = f"{start}{{{words}}}"
    beside = {name: kept[name] for name in kept if name not in _DEFINITIONS}
    if "$ref" not in kept or not beside or "anyOf" in beside:
        return kept
    # A reference stands alone: what is said beside it is said around it.
    around = {name: kept[name] for name in _DEFINITIONS[1:] if name in kept}
    return {**around, "anyOf": [{"$ref": kept["$ref"]}], **beside}


def _written(value: Any) -> str:
    return msgspec.json.encode(value).decode()
