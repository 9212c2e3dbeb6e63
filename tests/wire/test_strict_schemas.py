"""Schemas of types in OpenAI's strict form; what cannot be said stays as it was."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given

from llm_adapter import LLMRequest
from llm_adapter._schema import OutputFormat, output_format
from llm_adapter._wire.strict_schemas import held_to_schema, strict_schema
from llm_adapter.providers import GROQ, OPENAI
from tests.core import values


@dataclass
class Skill:
    name: str
    level: Literal["low", "high"] = "low"
    years: int | None = None


@dataclass
class Resume:
    """Somebody's resume."""

    title: str
    skills: list[Skill] = field(default_factory=list)
    best: Skill | None = None


@dataclass
class Node:
    value: int
    children: list[Node]


@dataclass
class Tagged:
    tags: dict[str, int]


@dataclass
class Paired:
    pair: tuple[int, str]


@dataclass
class Short:
    text: Annotated[str, msgspec.Meta(max_length=5)]


def objects(schema):
    """Every object schema within a schema."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for value in schema.values():
            yield from objects(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from objects(item)


@pytest.mark.parametrize("kind", [Skill, Resume, Node])
def test_every_object_requires_what_it_has_and_takes_no_more(kind):
    held = held_to_schema(output_format(kind))
    assert held.strict is True
    found = list(objects(held.schema))
    assert found
    for each in found:
        assert each["required"] == list(each["properties"])
        assert each["additionalProperties"] is False


@pytest.mark.parametrize("kind", [Resume, Node])
def test_no_default_is_left_and_a_reference_stands_alone(kind):
    def check(schema):
        if isinstance(schema, dict):
            assert "default" not in schema
            assert "$ref" not in schema or schema.keys() <= {"$ref", "$defs"}
            for value in schema.values():
                check(value)
        elif isinstance(schema, list):
            for item in schema:
                check(item)

    check(held_to_schema(output_format(kind)).schema)


def test_a_description_beside_a_reference_is_kept_around_it():
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A", "description": "The first."}},
        "$defs": {"A": {"type": "string"}},
    }
    assert strict_schema(schema)["properties"]["a"] == {
        "description": "The first.",
        "anyOf": [{"$ref": "#/$defs/A"}],
    }


@pytest.mark.parametrize("kind", [Tagged, Paired, Short])
def test_what_the_strict_form_cannot_say_stays_as_it_is(kind):
    wanted = output_format(kind)
    assert held_to_schema(wanted) is wanted


@pytest.mark.parametrize(
    "wanted",
    [
        OutputFormat(),
        OutputFormat(schema={"type": "object"}),
        OutputFormat(schema={"type": "object"}, from_type=True, strict=False),
        OutputFormat(schema={"type": "array"}, from_type=True),
    ],
)
def test_a_schema_of_the_callers_is_not_changed(wanted):
    assert held_to_schema(wanted) is wanted


def test_the_type_that_is_asked_for_is_not_changed():
    before = output_format(Resume).schema
    held_to_schema(output_format(Resume))
    assert output_format(Resume).schema == before


@given(values.json_values)
def test_the_strict_form_of_a_strict_form_is_the_same(junk):
    schema = {
        "type": "object",
        "properties": {"a": {"const": junk}, "b": {"type": "string", "default": junk}},
    }
    once = strict_schema(schema)
    assert strict_schema(once) == once


# -- who is asked for it --------------------------------------------------------------


def sent(dialect, kind):
    request = LLMRequest("Hi", model="m", response_format=kind)
    body = dialect.encode(request, stream=False)
    return body.get("text", {}).get("format") or body["response_format"]["json_schema"]


@pytest.mark.parametrize("dialect", OPENAI.dialects, ids=lambda dialect: dialect.name)
def test_openai_is_held_to_the_schema_of_a_type(dialect):
    assert sent(dialect, Resume)["strict"] is True
    assert sent(dialect, Tagged).get("strict") in (None, False)
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert sent(dialect, schema)["schema"] == schema


def test_other_servers_are_sent_the_schema_as_it_is():
    assert "strict" not in sent(GROQ.dialects[0], Resume)
