"""The schemas that the emulator takes as OpenAI and as Anthropic."""

from __future__ import annotations

import pytest

from llm_adapter.testing.emulator.dialects.anthropic.schemas import schema_problem
from llm_adapter.testing.emulator.dialects.openai.strict import strict_problem

STRING = {"type": "string"}


def thing(properties=None, **keywords):
    """The schema of an object that both take, but for the keywords."""
    properties = {} if properties is None else properties
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        **keywords,
    }


NESTED = thing(
    {
        "name": STRING,
        "nick": {"anyOf": [STRING, {"type": "null"}]},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/Tag"}},
        "size": {"type": ["integer", "null"]},
        "kind": {"enum": ["a", "b"]},
    },
    **{"$defs": {"Tag": {"type": "string", "description": "one"}}},
)


@pytest.mark.parametrize("problem", [strict_problem, schema_problem])
def test_schema_that_both_take_is_taken(problem):
    assert problem(NESTED) is None


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (None, "must be a JSON Schema object"),
        ({"anyOf": [thing()]}, "got 'type: \"None\"'"),
        (STRING, "got 'type: \"string\"'"),
        ({"type": "object", "properties": {}}, "'additionalProperties' is required"),
        (thing(additionalProperties=True), "'additionalProperties' is required"),
        (
            thing({"a": STRING}, required=[]),
            "an array including every key in properties. Missing 'a'.",
        ),
        (thing({"a": STRING}, required=None), "Missing 'a'"),
        (thing(required=["b"]), "Extra required key 'b' supplied."),
        (thing({"a": {}}), "In context=('properties', 'a'), schema must have a 'type'"),
        (thing({"a": {"oneOf": [STRING]}}), "'oneOf' is not permitted."),
        (thing({"a": {"allOf": [STRING]}}), "'allOf' is not permitted."),
        (thing({"a": {"type": "array"}}), "array schema missing items."),
        (thing({"a": {**STRING, "default": None}}), "'default' is not permitted"),
        (
            thing({"a": {"$ref": "#/$defs/A", "description": "x"}}),
            "$ref cannot have keywords {'description'}.",
        ),
        (
            thing(**{"$defs": {"A": {"type": "object"}}}),
            "In context=('$defs', 'A'), 'additionalProperties'",
        ),
        (
            thing({"a": {"anyOf": [{"type": "object"}]}}),
            "In context=('properties', 'a', 'anyOf', '0')",
        ),
        (
            thing({"a": {"type": "array", "items": {}}}),
            "In context=('properties', 'a', 'items')",
        ),
        (thing({"a": True}), "schema must be an object, got True."),
    ],
)
def test_strict_mode_says_what_it_has_against_a_schema(schema, told):
    assert told in strict_problem(schema)


@pytest.mark.parametrize(
    "schema",
    [
        thing({"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}),
        thing({"a": {**STRING, "default": "x", "minLength": 3, "pattern": "a"}}),
        thing({"a": {"type": "integer", "minimum": 1}}),
        thing({"a": {"const": 1}}),
        thing(properties=None, anyOf="nonsense"),
    ],
)
def test_strict_mode_takes_recursion_bounds_and_constants(schema):
    assert strict_problem(schema) is None


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (None, "Input should be a valid dictionary"),
        ({"type": "object"}, "'additionalProperties' must be explicitly set to false"),
        (
            thing({"a": {"type": "integer", "minimum": 1, "maximum": 2}}),
            "For 'integer' type, properties minimum, maximum are not supported",
        ),
        (
            thing({"a": {"type": "number", "multipleOf": 2}}),
            "For 'number' type, properties multipleOf are not supported",
        ),
        (
            thing({"a": {"type": ["string", "null"], "maxLength": 2}}),
            "properties maxLength are not supported",
        ),
        (
            thing({"a": {"type": "array", "maxItems": 2}}),
            "properties maxItems are not supported",
        ),
        (
            thing({"a": {"type": "array", "minItems": 2}}),
            "'minItems' values other than 0 or 1",
        ),
        (
            thing({"a": {**STRING, "format": "regex"}}),
            "String format 'regex' is not supported",
        ),
        (thing({"a": {"oneOf": [STRING]}}), "Schema type 'oneOf' is not supported"),
        (
            thing({"a": {"type": "array", "items": {"type": "object"}}}),
            "'additionalProperties' must",
        ),
        (
            thing({"a": {"allOf": [{"type": "object"}]}}),
            "'additionalProperties' must",
        ),
        (thing({"next": {"$ref": "#"}}), "Circular reference"),
        (
            thing(
                {"a": {"$ref": "#/$defs/A"}},
                **{
                    "$defs": {
                        "A": {"anyOf": [{"$ref": "#/$defs/B"}, {"type": "null"}]},
                        "B": {"type": "array", "items": {"$ref": "#/$defs/A"}},
                    }
                },
            ),
            "Circular reference",
        ),
    ],
)
def test_anthropic_says_what_it_has_against_a_schema(schema, told):
    assert told in schema_problem(schema)


@pytest.mark.parametrize(
    "schema",
    [
        thing({"a": STRING}, required=[]),
        thing({"a": {**STRING, "format": "date-time", "default": None}}),
        thing({"a": {"type": "array", "minItems": 1, "items": STRING}}),
        thing({"a": {"allOf": [STRING]}, "b": {"$ref": "#/$defs/missing"}}),
        thing(
            {"a": {"$ref": "#/$defs/B"}, "b": {"$ref": "#/$defs/B"}},
            **{"$defs": {"A": STRING, "B": {"anyOf": [{"$ref": "#/$defs/A"}] * 2}}},
        ),
    ],
)
def test_anthropic_takes_optional_properties_formats_and_shared_parts(schema):
    assert schema_problem(schema) is None
