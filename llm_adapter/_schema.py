"""Structured output: what was asked for as a JSON schema, and answers as values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from attrs import frozen

from .errors import LLMInvalidResponseError

T = TypeVar("T")

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")
_REF = "#/$defs/"
_KINDS = ("object", "array", "string", "number", "integer", "boolean", "null")
_SCHEMA_KEYWORDS = frozenset({"properties", "$ref", "anyOf", "$defs"})
_FORM: Mapping[str, type] = {"name": str, "description": str, "strict": bool}
JSON_OBJECT: Mapping[str, str] = {"type": "json_object"}
JSON_INSTRUCTION = "Answer with one JSON object and nothing else."
"""For providers that have no JSON mode, or refuse it unless a message asks for JSON."""


@frozen
class OutputFormat:
    """What `response_format` asks for, in one shape for all dialects.

    Args:
        schema: the JSON schema of the answer, None for any JSON object.
        name: the schema's name, as providers want one.
        description: what the answer is for.
        strict: ask for constrained decoding, None when the caller did not say.
        from_type: whether the schema is ours, made from a Python type.
    """

    schema: Mapping[str, Any] | None = None
    name: str = "answer"
    description: str | None = None
    strict: bool | None = None
    from_type: bool = False


def output_format(
    response_format: Mapping[str, Any] | type | None,
) -> OutputFormat | None:
    """The output format that was asked for; None for plain text.

    Understands {"type": "json_object"}, {"type": "text"}, Chat's and Responses' forms
    of {"type": "json_schema"}, a bare JSON schema, and a Python type.

    Raises:
        ValueError: the mapping is none of these.
    """
    if response_format is None:
        return None
    if isinstance(response_format, type):
        name = _NOT_IN_NAMES.sub("_", response_format.__name__)[:64]
        schema = schema_of(response_format)
        return OutputFormat(schema=schema, name=name, from_type=True)
    kind = response_format.get("type")
    if kind == "text":
        return None
    if kind == "json_object" and "schema" not in response_format:
        return OutputFormat()
    if kind in ("json_object", "json_schema"):
        return _named_schema(response_format.get("json_schema") or response_format)
    known = isinstance(kind, list) or kind in _KINDS
    if known or (kind is None and _SCHEMA_KEYWORDS & response_format.keys()):
        return OutputFormat(schema=response_format)
    raise ValueError(
        f"response_format is {_shown(response_format)}: use "
        "{'type': 'json_object'}, a JSON schema, or a type"
    )


def _shown(value: object) -> str:
    try:
        return f"{value!r:.200}"
    except RecursionError:
        return "nested too deeply to be shown"


def in_words(wanted: OutputFormat) -> str:
    r"""What is asked for, as an instruction: for providers that take no schema.

    >>> in_words(OutputFormat(schema={"type": "object"}))[-41:]
    'match this JSON schema:\n{"type":"object"}'
    """
    if wanted.schema is None:
        return JSON_INSTRUCTION
    schema = msgspec.json.encode(wanted.schema).decode()
    return f"{JSON_INSTRUCTION} It must match this JSON schema:\n{schema}"


def with_instruction(system: str | None, instruction: str) -> str:
    r"""A system message that also holds the instruction.

    >>> with_instruction("Be terse.", "Answer in JSON.")
    'Be terse.\n\nAnswer in JSON.'
    """
    if system and instruction in system:
        return system
    return f"{system}\n\n{instruction}" if system else instruction


def _named_schema(form: object) -> OutputFormat:
    schema = form.get("schema") if isinstance(form, Mapping) else None
    if not (isinstance(form, Mapping) and isinstance(schema, Mapping)):
        raise ValueError(f"response_format {_shown(form)} has no 'schema' mapping")
    for field, kind in _FORM.items():
        if not isinstance(form.get(field), kind | None):
            raise ValueError(
                f"response_format has {field} {form.get(field)!r:.80}: use a "
                f"{kind.__name__}"
            )
    return OutputFormat(
        schema=schema,
        name=form.get("name") or "answer",
        description=form.get("description"),
        strict=form.get("strict"),
    )


def schema_of(kind: type) -> dict[str, Any]:
    """The JSON schema of an attrs, dataclass, TypedDict, msgspec or pydantic type.

    Raises:
        TypeError: the type has no JSON schema.
    """
    if hasattr(kind, "model_json_schema"):
        schema: dict[str, Any] = kind.model_json_schema()
        return schema
    try:
        (schema,), definitions = msgspec.json.schema_components(
            [kind], ref_template=_REF + "{name}"
        )
    except (TypeError, NameError, KeyError) as error:
        # NameError: a hint that leads nowhere; KeyError: two types of the same name
        raise TypeError(f"{kind!r} has no JSON schema: {error}") from None
    name = schema.get("$ref", "").removeprefix(_REF)
    root = dict(definitions.get(name, schema))
    if not _refers_to(name, definitions):
        definitions.pop(name, None)
    return {**root, "$defs": definitions} if definitions else root


def _refers_to(name: str, value: Any) -> bool:
    if isinstance(value, dict):
        here = value.get("$ref") == _REF + name
        return here or any(_refers_to(name, item) for item in value.values())
    return isinstance(value, list) and any(_refers_to(name, item) for item in value)


def build(kind: type[T], data: Any, *, text: str) -> T:
    """An instance of `kind` from decoded JSON.

    Raises:
        LLMInvalidResponseError: the data does not fit, with the answer's text.
    """
    validate = getattr(kind, "model_validate", None)
    try:
        if validate is not None:
            built: T = validate(data)
            return built
        return msgspec.convert(data, kind)
    except ValueError as error:  # also pydantic's and msgspec's ValidationError
        raise LLMInvalidResponseError(
            f"The answer is JSON but not a {kind.__name__}: {error}", text=text
        ) from None
