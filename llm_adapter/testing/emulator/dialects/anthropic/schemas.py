"""The subset of JSON Schema that Anthropic takes (wire-protocols.md 4.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_FORMATS = frozenset(
    {
        *("date-time", "time", "date", "duration", "email"),
        *("hostname", "uri", "ipv4", "ipv6", "uuid"),
    }
)
_REFUSED: Mapping[str, tuple[str, ...]] = {
    "integer": (
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        "multipleOf",
    ),
    "string": ("minLength", "maxLength"),
    "array": ("maxItems", "uniqueItems", "contains"),
    "object": ("minProperties", "maxProperties", "patternProperties"),
}
_NOWHERE = ("oneOf", "not", "if", "then", "else", "dependentSchemas")
_NAMED = ("properties", "$defs", "definitions")


def schema_problem(schema: Any) -> str | None:
    """What there is against a schema, or None.

    >>> schema_problem({"type": "object", "properties": {}})
    "For 'object' type, 'additionalProperties' must be explicitly set to false"
    """
    if not isinstance(schema, dict):
        return "Input should be a valid dictionary"
    if _is_recursive(schema):
        return "Circular reference detected in schema definitions"
    return next(_problems(schema), None)


def _problems(schema: Mapping[str, Any]) -> Iterator[str]:
    types = schema.get("type")
    for named in types if isinstance(types, list) else [types]:
        yield from _typed_problems(schema, "integer" if named == "number" else named)
    for word in _NOWHERE:
        if word in schema:
            yield f"Schema type '{word}' is not supported"
    for inner in _inner(schema):
        if isinstance(inner, dict):
            yield from _problems(inner)


def _typed_problems(schema: Mapping[str, Any], named: Any) -> Iterator[str]:
    refused = [word for word in _REFUSED.get(str(named), ()) if word in schema]
    if refused:
        words = ", ".join(refused)
        yield f"For '{schema['type']}' type, properties {words} are not supported"
    if named == "object" and schema.get("additionalProperties") is not False:
        yield (
            "For 'object' type, 'additionalProperties' must be explicitly set to false"
        )
    if named == "array" and schema.get("minItems", 0) not in (0, 1):
        yield "For 'array' type, 'minItems' values other than 0 or 1 are not supported"
    if named == "string" and str(schema.get("format", "date")) not in _FORMATS:
        yield f"String format '{schema['format']}' is not supported"


def _inner(schema: Mapping[str, Any]) -> Iterator[Any]:
    """The schemas inside a schema."""
    for word in _NAMED:
        several = schema.get(word)
        yield from several.values() if isinstance(several, dict) else ()
    for word in ("anyOf", "allOf"):
        branches = schema.get(word)
        yield from branches if isinstance(branches, list) else ()
    yield schema.get("items")


def _is_recursive(root: Mapping[str, Any]) -> bool:
    """Whether a definition leads back to itself."""
    uses = {"#": set(_references(root))}
    for word in ("$defs", "definitions"):
        several = root.get(word)
        for name, schema in several.items() if isinstance(several, dict) else ():
            uses[f"#/{word}/{name}"] = set(_references(schema))
    return any(_leads_back(name, uses) for name in uses)


def _references(schema: Any) -> Iterator[str]:
    """What a schema refers to; not what its definitions do."""
    if not isinstance(schema, dict):
        return
    if isinstance(schema.get("$ref"), str):
        yield schema["$ref"]
    own = {k: v for k, v in schema.items() if k not in ("$defs", "definitions")}
    for inner in _inner(own):
        yield from _references(inner)


def _leads_back(start: str, uses: Mapping[str, set[str]]) -> bool:
    seen: set[str] = set()
    waiting = set(uses[start])
    while waiting:
        name = waiting.pop()
        if name == start:
            return True
        if name not in seen:
            seen.add(name)
            waiting |= uses.get(name, set())
    return False
