"""The subset of JSON Schema that strict mode takes (wire-protocols.md 1.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_REFUSED = (
    *("allOf", "oneOf", "not", "if", "then", "else", "patternProperties"),
    *("dependentRequired", "dependentSchemas", "propertyNames"),
    *("unevaluatedProperties", "contains", "uniqueItems"),
)
_TYPED = frozenset({"type", "$ref", "anyOf", "enum", "const"})
_NAMED = ("properties", "$defs", "definitions")
"""Keywords that hold schemas by name."""

Path = tuple[Any, ...]


def strict_problem(schema: Any) -> str | None:
    """What strict mode has against a schema, with the place, or None.

    >>> strict_problem({"type": "object", "properties": {}, "required": []})
    "In context=(), 'additionalProperties' is required to be supplied and to be false."
    """
    if not isinstance(schema, dict):
        return f"schema must be a JSON Schema object, got {schema!r}."
    if schema.get("type") != "object":
        named = schema.get("type", "None")
        text = "schema must be a JSON Schema of 'type: \"object\"'"
        return f"{text}, got 'type: \"{named}\"'."
    return next(_problems(schema, ()), None)


def _problems(schema: Mapping[str, Any], path: Path) -> Iterator[str]:
    """All that is wrong with a schema and those inside it."""
    yield from (f"In context={path}, {each}" for each in _own_problems(schema))
    for inner, name in _inner(schema):
        place = (*path, *name)
        if isinstance(inner, dict):
            yield from _problems(inner, place)
        else:
            yield f"In context={place}, schema must be an object, got {inner!r}."


def _own_problems(schema: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{word!r} is not permitted." for word in _REFUSED if word in schema)
    others = set(schema) - {"$ref", "$defs", "definitions"}
    if "$ref" in schema and others:
        yield f"$ref cannot have keywords {others}."
    if not _TYPED & schema.keys():
        yield "schema must have a 'type' key."
    if "default" in schema and schema["default"] is None:
        yield "'default' is not permitted to be null."
    if "object" in _types(schema):
        yield from _object_problems(schema)
    if "array" in _types(schema) and "items" not in schema:
        yield "array schema missing items."


def _object_problems(schema: Mapping[str, Any]) -> Iterator[str]:
    if schema.get("additionalProperties") is not False:
        yield "'additionalProperties' is required to be supplied and to be false."
    properties = schema.get("properties")
    required = schema.get("required")
    known = required if isinstance(required, list) else []
    names = properties if isinstance(properties, dict) else {}
    left_out = [name for name in names if name not in known]
    if left_out:
        text = "'required' is required to be supplied and to be an array including "
        yield f"{text}every key in properties. Missing {left_out[0]!r}."
    extra = [name for name in known if name not in names]
    if extra:
        yield f"Extra required key {extra[0]!r} supplied."


def _types(schema: Mapping[str, Any]) -> list[Any]:
    named = schema.get("type")
    return named if isinstance(named, list) else [named]


def _inner(schema: Mapping[str, Any]) -> Iterator[tuple[Any, Path]]:
    """The schemas inside a schema, each with its place."""
    for word in _NAMED:
        several = schema.get(word)
        named = several if isinstance(several, dict) else {}
        yield from ((inner, (word, name)) for name, inner in named.items())
    branches = schema.get("anyOf")
    for index, branch in enumerate(branches if isinstance(branches, list) else ()):
        yield branch, ("anyOf", str(index))
    if "items" in schema:
        yield schema["items"], ("items",)
