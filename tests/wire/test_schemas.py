"""JSON schemas, cut to what an answer can be held to: the rest is put into words."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter._schema import schema_of
from llm_adapter._wire.schemas import FORMATS, is_open, supported_schema

# -- any schema -----------------------------------------------------------------------

KEYWORDS = st.sampled_from(
    [
        *("type", "title", "description", "properties", "required", "items", "enum"),
        *("const", "anyOf", "allOf", "oneOf", "not", "$ref", "$defs", "definitions"),
        *("format", "minimum", "maxLength", "pattern", "minItems", "prefixItems"),
        *("additionalProperties", "patternProperties", "default", "$schema"),
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["object", "array", "string", "date", "regex", "#/$defs/a"])
    | st.text(max_size=4)
)
SCHEMAS = st.dictionaries(
    KEYWORDS | st.text(max_size=3),
    st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(KEYWORDS | st.text(max_size=3), inner, max_size=4)
        ),
        max_leaves=12,
    ),
    max_size=5,
)


@given(SCHEMAS)
def test_a_supported_schema_stays_as_it_is(schema):
    once = supported_schema(schema)
    assert supported_schema(once) == once


@given(SCHEMAS)
def test_the_callers_schema_is_not_changed(schema):
    before = copy.deepcopy(schema)
    supported_schema(schema)
    assert schema == before


@given(SCHEMAS)
def test_a_supported_schema_is_valid_json(schema):
    supported = supported_schema(schema)
    assert json.loads(json.dumps(supported)) == supported


def schemas(value):
    """A schema and all schemas inside it."""
    if not isinstance(value, dict):
        return
    yield value
    inner = [value.get("items"), *value.get("anyOf", []), *value.get("allOf", [])]
    for name in ("properties", "$defs", "definitions"):
        inner += value.get(name, {}).values()
    for each in inner:
        yield from schemas(each)


SUPPORTED = {
    *("type", "title", "description", "properties", "required", "items", "enum"),
    *("const", "anyOf", "allOf", "$ref", "$defs", "definitions", "format"),
    *("minItems", "additionalProperties"),
}


@given(SCHEMAS)
def test_only_supported_keywords_are_left(schema):
    for each in schemas(supported_schema(schema)):
        assert set(each) <= SUPPORTED
        assert each.get("format", "date") in FORMATS
        assert each.get("additionalProperties", False) is False


@given(SCHEMAS)
def test_every_object_is_closed(schema):
    for each in schemas(supported_schema(schema)):
        if each.get("type") == "object" or "properties" in each:
            assert each["additionalProperties"] is False


# -- keywords -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "string", "format": "date-time", "title": "When"},
        {"type": ["integer", "null"]},
        {"enum": ["a", 1, None, True]},
        {"const": "a"},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"allOf": [{"type": "string"}]},
        {"type": "array", "items": {"type": "string"}, "minItems": 1},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}},
        {"$ref": "#/definitions/a", "definitions": {"a": {"type": "string"}}},
        {"$ref": "#/$defs/a", "anyOf": [{"type": "string"}]},
        {
            "type": "object",
            "properties": {"a": {"type": "string"}},
            "required": ["a"],
            "additionalProperties": False,
        },
    ],
)
def test_what_is_supported_is_left_alone(schema):
    assert supported_schema(schema) == schema


@pytest.mark.parametrize(
    ("schema", "supported"),
    [
        (
            {"type": "integer", "minimum": 1, "maximum": 9},
            {"type": "integer", "description": "{minimum: 1, maximum: 9}"},
        ),
        (
            {"type": "string", "pattern": '^"', "description": "A quote."},
            {"type": "string", "description": 'A quote.\n\n{pattern: "^\\""}'},
        ),
        (
            {"type": "string", "description": None, "minLength": 1},
            {"type": "string", "description": "{minLength: 1}"},
        ),
        (
            {"type": "string", "format": "regex"},
            {"type": "string", "description": '{format: "regex"}'},
        ),
        (
            {"type": "string", "format": ["date"]},
            {"type": "string", "description": '{format: ["date"]}'},
        ),
        (
            {"type": "array", "items": False, "prefixItems": [{}], "minItems": 2},
            {
                "type": "array",
                "description": "{items: false, prefixItems: [{}], minItems: 2}",
            },
        ),
        ({"enum": [{"a": 1}]}, {"description": '{enum: [{"a":1}]}'}),
        ({"enum": []}, {"description": "{enum: []}"}),
        ({"const": []}, {"description": "{const: []}"}),
        (
            {"type": "string", "default": "x"},
            {
                "type": "string",
                "description": '{default: "x"}',
            },
        ),
        ({"properties": 5}, {"description": "{properties: 5}"}),
        ({"anyOf": 5}, {"description": "{anyOf: 5}"}),
    ],
)
def test_what_is_not_supported_is_put_into_words(schema, supported):
    assert supported_schema(schema) == supported


@pytest.mark.parametrize("keyword", ["$schema", "$id", "$comment", "$anchor"])
def test_what_says_nothing_about_the_value_is_dropped(keyword):
    assert supported_schema({"type": "string", keyword: "x"}) == {"type": "string"}


def test_one_of_several_is_any_of_them():
    options = [{"type": "string", "minLength": 1}, True]
    assert supported_schema({"oneOf": options}) == {
        "anyOf": [{"type": "string", "description": "{minLength: 1}"}, True]
    }


def test_one_of_several_beside_any_of_others_is_put_into_words():
    schema = {"anyOf": [{"type": "string"}], "oneOf": [{"const": "a"}]}
    assert supported_schema(schema) == {
        "anyOf": [{"type": "string"}],
        "description": '{oneOf: [{"const":"a"}]}',
    }


@pytest.mark.parametrize(
    ("others", "note"),
    [
        (None, {}),
        (True, {}),
        (False, {}),
        (
            {"type": "integer"},
            {"description": '{additionalProperties: {"type":"integer"}}'},
        ),
    ],
)
@pytest.mark.parametrize(
    "object", [{"type": "object"}, {"type": ["object", "null"]}, {"properties": {}}]
)
def test_objects_take_no_other_properties(object, others, note):
    given = {} if others is None else {"additionalProperties": others}
    expected = {**object, "additionalProperties": False, **note}
    assert supported_schema({**object, **given}) == expected


def test_properties_may_have_the_names_of_keywords():
    schema = {"type": "object", "properties": {"minimum": {"minimum": 1}}}
    assert supported_schema(schema)["properties"] == {
        "minimum": {"description": "{minimum: 1}"}
    }


def test_what_stands_beside_a_reference_is_said_around_it():
    schema = {
        "$ref": "#/$defs/a",
        "description": "The first.",
        "default": None,
        "$defs": {"a": {"maxLength": 3}},
    }
    assert supported_schema(schema) == {
        "$defs": {"a": {"description": "{maxLength: 3}"}},
        "anyOf": [{"$ref": "#/$defs/a"}],
        "description": "The first.\n\n{default: null}",
    }


# -- depth ----------------------------------------------------------------------------


def circles():
    lone = {}
    lone["items"] = lone
    forked = {"properties": {}}
    forked["properties"].update(a=forked, b=forked)
    listed = {"anyOf": []}
    listed["anyOf"] += [listed, listed]
    return [lone, forked, listed]


@pytest.mark.parametrize("schema", circles(), ids=["lone", "forked", "listed"])
def test_a_schema_that_holds_itself_is_refused(schema):
    with pytest.raises(ValueError, match="nested too deeply, or in a circle"):
        supported_schema(schema)


def test_a_schema_may_be_nested_deep():
    schema = {"type": "string"}
    for _ in range(100):
        schema = {"type": "array", "items": schema}
    assert supported_schema(schema) == schema
    with pytest.raises(ValueError, match="nested too deeply"):
        supported_schema({"items": schema})


def test_a_schema_that_refers_to_itself_is_left_to_the_provider():
    tree = {"$ref": "#/$defs/Tree"}
    schema = {
        "$defs": {"Tree": {"type": "object", "properties": {"next": tree}}},
        "$ref": "#/$defs/Tree",
    }
    assert supported_schema(schema)["$defs"]["Tree"]["properties"] == {"next": tree}


# -- types ----------------------------------------------------------------------------


@dataclass
class Job:
    title: str
    kind: Literal["full", "part"] = "full"


@dataclass
class Person:
    """Somebody."""

    name: str
    age: int | None = None
    jobs: list[Job] = field(default_factory=list)


def test_the_schema_of_a_type_is_supported():
    supported = supported_schema(schema_of(Person))
    assert set(supported["properties"]) == {"name", "age", "jobs"}
    assert [
        each["additionalProperties"]
        for each in schemas(supported)
        if each.get("type") == "object"
    ] == [False, False]
    assert supported["required"] == ["name"]


def test_a_schema_that_holds_itself_has_no_end_to_look_for():
    circle = {"type": "object", "properties": {}}
    circle["properties"]["again"] = circle
    with pytest.raises(ValueError, match="in a circle"):
        is_open(circle)
