"""JSON schemas in the form that OpenAI can hold an answer to, word for word.

Every object names all of its properties as required and takes no others; a reference
stands alone (reference/wire-protocols.md 1.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._schema import OutputFormat

_KNOWN = frozenset(
    (
        *("type", "title", "description", "enum", "const", "format", "pattern"),
        *("properties", "required", "additionalProperties", "items", "anyOf"),
        *("$ref", "$defs", "default", "multipleOf", "minItems", "maxItems"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    )
)


def held_to_schema(wanted: OutputFormat) -> OutputFormat:
    """The format in its strict form, where nobody has said how strict it shall be.

    Only for schemas that we made from a type: a schema of the caller's is sent as it
    is. A type that the strict form cannot express stays as it is, too.
    """
    if not wanted.from_type or wanted.schema is None or wanted.strict is not None:
        return wanted
    schema = strict_schema(wanted.schema)
    if schema is None:
        return wanted
    return OutputFormat(
        schema=schema, name=wanted.name, description=wanted.description, strict=True
    )


def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schema in its strict form; None when it has none.

    >>> strict_schema({"type": "object", "properties": {"a": {"type": "string"}}})
    {'type': 'object', 'properties': {'a': {'type': 'string'}}, 'required': ['a'], \
'additionalProperties': False}
    """
    if schema.get("type") != "object":
        return None
    try:
        return _strict(schema)
    except _Inexpressible:
        return None


class _Inexpressible(Exception):
    """The strict form has no words for it."""


def _strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    others = schema.get("additionalProperties", False)
    if others is not False or schema.keys() - _KNOWN:
        raise _Inexpressible
    # A property that has to be there needs no default.
    said = {name: value for name, value in schema.items() if name != "default"}
    made = {name: _part(name, value) for name, value in said.items()}
    if schema.get("type") == "object":
        made.setdefault("properties", {})
        made["required"] = list(made["properties"])
        made["additionalProperties"] = False
    beside = made.keys() - {"$ref", "$defs"}
    if "$ref" in made and beside:
        made["anyOf"] = [{"$ref": made.pop("$ref")}]
    return made


def _part(name: str, value: Any) -> Any:
    if name in ("properties", "$defs"):
        return {key: _strict(each) for key, each in value.items()}
    if name == "anyOf":
        return [_strict(each) for each in value]
    return _strict(value) if name == "items" else value
