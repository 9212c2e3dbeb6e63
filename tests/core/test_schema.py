from __future__ import annotations

import re
from dataclasses import dataclass, field, make_dataclass
from typing import Literal, NotRequired, TypedDict

import attrs
import msgspec
import pytest
from hypothesis import given

from llm_adapter import LLMInvalidResponseError
from llm_adapter._schema import OutputFormat, build, output_format, schema_of
from tests.core.values import json_values

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


@dataclass
class Skill:
    name: str
    years: int = 0


@dataclass
class DataResume:
    name: str
    skills: list[Skill] = field(default_factory=list)


@attrs.frozen
class AttrsResume:
    name: str
    skills: list[Skill] = attrs.field(factory=list)


class TypedResume(TypedDict):
    name: str
    skills: NotRequired[list[Skill]]


class StructResume(msgspec.Struct):
    name: str
    skills: list[Skill] = []


@dataclass
class Tree:
    value: int
    children: list[Tree]


@dataclass
class Link:
    following: Link | None = None


@dataclass
class Leaf:
    tree: Tree | None
    side: Literal["left", "right"]


class Pydantic:
    """What the library needs of a pydantic model."""

    def __init__(self, name):
        self.name = name

    @classmethod
    def model_json_schema(cls):
        return {"title": "Pydantic", "type": "object"}

    @classmethod
    def model_validate(cls, data):
        if not isinstance(data["name"], str):
            raise ValueError("name: Input should be a valid string")
        return cls(data["name"])


RESUMES = [DataResume, AttrsResume, TypedResume, StructResume]


# -- response_format ------------------------------------------------------------------


@pytest.mark.parametrize("response_format", [None, {"type": "text"}])
def test_plain_text_is_no_format(response_format):
    assert output_format(response_format) is None


@pytest.mark.parametrize(
    ("response_format", "expected"),
    [
        ({"type": "json_object"}, OutputFormat()),
        ({"type": "json_object", "schema": SCHEMA}, OutputFormat(schema=SCHEMA)),
        (
            {
                "type": "json_schema",
                "json_schema": {
                    "name": "resume",
                    "description": "A resume",
                    "schema": SCHEMA,
                    "strict": True,
                },
            },
            OutputFormat(SCHEMA, "resume", "A resume", True),
        ),
        (
            {"type": "json_schema", "json_schema": {"schema": SCHEMA}},
            OutputFormat(SCHEMA, "answer", None, None),
        ),
        (
            {"type": "json_schema", "name": "r", "schema": SCHEMA, "strict": False},
            OutputFormat(SCHEMA, "r", None, False),
        ),
        (SCHEMA, OutputFormat(SCHEMA)),
        ({"type": "array"}, OutputFormat({"type": "array"})),
        ({"type": ["object", "null"]}, OutputFormat({"type": ["object", "null"]})),
        ({"properties": {}}, OutputFormat({"properties": {}})),
        ({"$ref": "#/$defs/A"}, OutputFormat({"$ref": "#/$defs/A"})),
        ({"anyOf": []}, OutputFormat({"anyOf": []})),
        ({"$defs": {}}, OutputFormat({"$defs": {}})),
    ],
)
def test_every_form_means_the_same_to_all_dialects(response_format, expected):
    assert output_format(response_format) == expected


@pytest.mark.parametrize("kind", [*RESUMES, Pydantic])
def test_type_gives_its_schema_and_its_name(kind):
    expected = OutputFormat(schema_of(kind), kind.__name__, from_type=True)
    assert output_format(kind) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Resume[int]", "Resume_int_"),
        ("Lebenslauf_ä", "Lebenslauf__"),
        ("R" * 99, "R" * 64),
    ],
)
def test_name_of_a_type_becomes_one_that_providers_take(name, expected):
    assert output_format(type(name, (Pydantic,), {})).name == expected


@pytest.mark.parametrize(
    "response_format",
    [{}, {"type": "json"}, {"type": 5}, {"kind": "json_object"}, {"type": None}],
)
def test_other_mapping_shows_itself_and_the_forms_that_there_are(response_format):
    expected = (
        f"response_format is {response_format}: use {{'type': 'json_object'}}, "
        "a JSON schema, or a type"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        output_format(response_format)


@pytest.mark.parametrize(
    ("response_format", "shown"),
    [
        ({"type": "json_schema"}, {"type": "json_schema"}),
        ({"type": "json_schema", "json_schema": "x"}, "x"),
        ({"type": "json_schema", "json_schema": {"name": "a"}}, {"name": "a"}),
        (
            {"type": "json_schema", "schema": "{}"},
            {"type": "json_schema", "schema": "{}"},
        ),
        (
            {"type": "json_object", "schema": None},
            {"type": "json_object", "schema": None},
        ),
    ],
)
def test_form_without_its_schema_says_so(response_format, shown):
    expected = f"response_format {shown!r} has no 'schema' mapping"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        output_format(response_format)


# -- schemas of types -----------------------------------------------------------------


@pytest.mark.parametrize("kind", RESUMES)
def test_schema_describes_fields_and_holds_what_they_refer_to(kind):
    schema = schema_of(kind)
    assert schema["type"] == "object"
    assert schema["required"] == ["name"]
    assert schema["properties"]["name"] == {"type": "string"}
    assert schema["properties"]["skills"]["items"] == {"$ref": "#/$defs/Skill"}
    assert list(schema["$defs"]) == ["Skill"]
    assert schema["$defs"]["Skill"]["properties"]["years"]["type"] == "integer"


def test_schema_without_references_has_no_definitions():
    assert "$defs" not in schema_of(Skill)


def references(value):
    if isinstance(value, dict):
        yield from (value["$ref"],) if "$ref" in value else ()
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from references(item)


@pytest.mark.parametrize("kind", [*RESUMES, Skill, Tree, Link, Leaf])
def test_every_reference_of_a_schema_leads_somewhere(kind):
    """A type that holds itself refers to itself."""
    schema = schema_of(kind)
    assert schema["type"] == "object"
    for reference in references(schema):
        assert reference.removeprefix("#/$defs/") in schema["$defs"]


def named_alike(module):
    kind = make_dataclass("DataResume", [("inner", DataResume)])
    kind.__module__ = module
    return kind


def test_type_that_holds_another_of_its_name_has_a_whole_schema():
    schema = schema_of(named_alike("elsewhere"))
    assert list(schema["properties"]) == ["inner"]
    for reference in references(schema):
        assert reference.removeprefix("#/$defs/") in schema["$defs"]


def test_types_that_no_name_tells_apart_have_a_whole_schema_or_none():
    """From its release 0.23 on msgspec tells them apart."""
    try:
        schema = schema_of(named_alike(DataResume.__module__))
    except TypeError as error:
        assert "has no JSON schema" in str(error)
    else:
        for reference in references(schema):
            assert reference.removeprefix("#/$defs/") in schema["$defs"]


def test_schema_of_a_pydantic_type_is_its_own():
    assert schema_of(Pydantic) == {"title": "Pydantic", "type": "object"}


@pytest.mark.parametrize(("kind", "name"), [(dict, "object"), (list, "array")])
def test_plain_container_has_a_plain_schema(kind, name):
    assert schema_of(kind) == {"type": name}


@dataclass
class Dangling:
    value: Nowhere  # noqa: F821


@pytest.mark.parametrize("kind", [object, complex, Dangling])
def test_type_without_a_schema_is_a_type_error_that_names_it(kind):
    with pytest.raises(
        TypeError, match=f"^{re.escape(repr(kind))} has no JSON schema: "
    ):
        schema_of(kind)


# -- values of types ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (DataResume, DataResume("Ada", [Skill("algebra", 7)])),
        (AttrsResume, AttrsResume("Ada", [Skill("algebra", 7)])),
        (TypedResume, {"name": "Ada", "skills": [Skill("algebra", 7)]}),
        (StructResume, StructResume("Ada", [Skill("algebra", 7)])),
    ],
)
def test_data_becomes_a_value_of_the_type(kind, expected):
    data = {"name": "Ada", "skills": [{"name": "algebra", "years": 7}]}
    assert build(kind, data, text="") == expected


def test_data_becomes_a_pydantic_value():
    assert build(Pydantic, {"name": "Ada"}, text="").name == "Ada"


@pytest.mark.parametrize(
    ("kind", "data", "reason"),
    [
        (DataResume, {}, "missing required field `name`"),
        (AttrsResume, {"name": 5}, "Expected `str`, got `int` - at `$.name`"),
        (TypedResume, {"name": "Ada", "skills": [1]}, "at `$.skills[0]`"),
        (StructResume, {"name": None}, "Expected `str`, got `null`"),
        (Pydantic, {"name": 5}, "Input should be a valid string"),
    ],
)
def test_data_that_does_not_fit_names_the_type_and_the_place(kind, data, reason):
    with pytest.raises(LLMInvalidResponseError) as caught:
        build(kind, data, text="the answer")
    error = caught.value
    assert error.message.startswith(f"The answer is JSON but not a {kind.__name__}: ")
    assert reason in error.message
    assert error.text == "the answer"


@attrs.frozen
class Positive:
    value: int = attrs.field(validator=attrs.validators.gt(0))


def test_validators_of_the_type_have_their_say():
    with pytest.raises(LLMInvalidResponseError, match="'value' must be > 0"):
        build(Positive, {"value": 0}, text="")


@pytest.mark.parametrize("kind", [DataResume, AttrsResume, TypedResume, Tree])
@given(data=json_values)
def test_arbitrary_json_is_a_value_of_the_type_or_an_error_of_ours(kind, data):
    try:
        value = build(kind, data, text="")
    except LLMInvalidResponseError:
        return
    assert set(msgspec.to_builtins(value)) >= set(schema_of(kind)["required"])


def test_a_form_too_deep_to_be_shown_says_so():
    deep = {}
    for _ in range(10_000):
        deep = {"a": deep}
    with pytest.raises(ValueError, match="nested too deeply to be shown"):
        output_format(deep)
