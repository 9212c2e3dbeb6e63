from __future__ import annotations

import gc
import types
import weakref
from collections import OrderedDict, deque
from dataclasses import make_dataclass
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from typing import NamedTuple, TypedDict

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import (
    Audio,
    Document,
    Image,
    LLMRequest,
    Message,
    Text,
    Timeout,
    Tool,
    ToolCall,
)
from llm_adapter import _keys as keys
from llm_adapter._embedding import EmbeddingOptions
from llm_adapter._identity import Identity
from llm_adapter._keys import NO_PART, VERSION, embedding_key, request_key
from llm_adapter._schema import output_format
from llm_adapter._secrets import is_secret
from llm_adapter.models import ModelName
from tests.core import values
from tests.processes import run_program

WHO = {
    "provider": "groq",
    "model": "m",
    "base_url": "https://api.groq.com/openai/v1",
    "api": "chat",
}


def key(request="Hi", **fields):
    """The key of a request at one and the same provider."""
    if not isinstance(request, LLMRequest):
        request = LLMRequest(request, **fields)
    return request_key(Identity(request=request, **WHO))


def vectors_key(*texts, **options):
    return embedding_key(Identity(**WHO), texts, EmbeddingOptions(**options))


class Answer(TypedDict):
    total: int


# -- another spelling of the same -----------------------------------------------------


def respelled(value):
    """The same JSON with its keys in another order and its numbers in another type."""
    if isinstance(value, dict):
        return {name: respelled(value[name]) for name in reversed(value)}
    if isinstance(value, list | tuple):
        return [respelled(each) for each in value]
    if type(value) is int and abs(value) < 2**53:
        return -0.0 if value == 0 else float(value)
    if type(value) is float and value.is_integer():
        return int(value)
    return value


def respelled_request(request):
    messages = [
        attrs.evolve(
            message,
            tool_calls=[
                attrs.evolve(call, arguments=respelled(call.arguments))
                for call in message.tool_calls
            ],
            provider_items=respelled(message.provider_items),
        )
        for message in request.messages
    ]
    response_format = request.response_format
    return attrs.evolve(
        request,
        messages=messages,
        temperature=respelled(request.temperature),
        top_p=respelled(request.top_p),
        tools=[
            attrs.evolve(tool, parameters=respelled(tool.parameters))
            for tool in request.tools
        ],
        response_format=(
            response_format
            if isinstance(response_format, type)
            else respelled(response_format)
        ),
        extra_body=respelled(request.extra_body),
        extra_headers={
            name.upper(): content
            for name, content in reversed(request.extra_headers.items())
        },
    )


def differ_in_case_only(headers):
    return len({name.lower() for name in headers}) < len(headers)


@values.few
@given(values.requests.filter(lambda r: not differ_in_case_only(r.extra_headers)))
def test_order_of_keys_and_type_of_numbers_do_not_matter(request):
    assert key(respelled_request(request)) == key(request)


@values.few
@given(values.requests, values.requests)
def test_labels_timeout_and_use_of_the_cache_are_no_part_of_a_key(request, other):
    changes = {name: getattr(other, name) for name in NO_PART}
    assert key(attrs.evolve(request, **changes)) == key(request)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"temperature": 0}, {"temperature": 0.0}),
        ({"temperature": 0}, {"temperature": -0.0}),
        ({"top_p": 1}, {"top_p": 1.0}),
        ({"seed": None, "messages": None}, {}),
        ({"stop_sequences": ["a"]}, {"stop_sequences": ("a",)}),
        ({"model": ModelName("m", retired="2026-01-01")}, {"model": "m"}),
        (
            {"extra_body": {"a": [1, {"b": 0}]}},
            {"extra_body": {"a": (1.0, {"b": 0.0})}},
        ),
        ({"extra_body": {"a": 1e22}}, {"extra_body": {"a": 10**22}}),
        ({"extra_body": OrderedDict(b=1, a=2)}, {"extra_body": {"a": 2, "b": 1}}),
        ({"extra_headers": {"X-A": "1"}}, {"extra_headers": {"x-a": "1"}}),
        (
            {"extra_headers": {"X-A": "1", "X-B": "2"}},
            {"extra_headers": {"X-B": "2", "X-A": "1"}},
        ),
        ({"extra_headers": {"Authorization": "Bearer a", "x-api-key": "b"}}, {}),
        ({"extra_headers": {"Cookie": "a"}}, {"extra_headers": {"Cookie": "b"}}),
        ({"timeout": 5}, {"timeout": Timeout(total=6)}),
    ],
)
def test_same_request_has_the_same_key(one, other):
    assert key(**one) == key(**other)


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    ONE = 1


class Pair(NamedTuple):
    first: int
    second: int


class Ratio(float):
    """A number of a class of its own."""


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Colour.RED, "red"),
        (Level.ONE, 1),
        (Ratio(0.5), 0.5),
        (Ratio(1), 1),
        (Pair(1, 2), [1, 2]),
        (OrderedDict({Colour.RED: Level.ONE}), {"red": 1}),
        (types.new_class("Many", (list,))([1]), [1]),
    ],
)
def test_value_of_a_class_that_adds_to_json_counts_as_what_it_is_sent_as(value, plain):
    assert key(extra_body={"a": value}) == key(extra_body={"a": plain})


def test_types_of_one_name_and_schema_ask_for_the_same():
    one, other = (make_dataclass("Total", [("total", int)]) for _ in range(2))
    assert key(response_format=one) == key(response_format=other)


def test_type_is_asked_for_its_schema_once_and_not_kept_alive():
    asked = []

    class Model:
        @classmethod
        def model_json_schema(cls):
            asked.append(cls)
            return {"type": "object"}

    assert key(response_format=Model) == key(response_format=Model)
    assert asked == [Model]
    alive = weakref.ref(asked.pop())
    del Model
    gc.collect()
    assert alive() is None


# -- something else -------------------------------------------------------------------

TOOL = Tool("find", "Finds", {"type": "object", "properties": {}}, strict=True)
CALL = ToolCall("1", "find", {"a": 1}, '{"a": 1}')
TURNS = (
    Message("user", "Find"),
    Message(
        "assistant",
        tool_calls=[CALL],
        reasoning="hm",
        provider_items=[{"dialect": "chat", "items": [{"a": 1}]}],
    ),
    Message("tool", "Found", tool_call_id="1"),
)
WHOLE = LLMRequest(
    "Hi",
    system_message="Be terse.",
    messages=TURNS,
    model="m",
    temperature=0.3,
    max_tokens=5,
    top_p=0.5,
    seed=1,
    stop_sequences=["a", "b"],
    reasoning_effort="low",
    response_format={"type": "json_object"},
    tools=[TOOL],
    tool_choice="find",
    parallel_tool_calls=True,
    extra_body={"a": {"b": [1, None]}},
    extra_headers={"x-a": "1"},
)
OTHER = {
    "prompt": ["hi", "Hi ", "", (), ("Hi",), (Text("Hi"), Text(""))],
    "system_message": [None, "", "Be terse"],
    "messages": [(), TURNS[:1], TURNS[::2], (*TURNS, TURNS[0])],
    "model": [None, "M"],
    "temperature": [None, 0, 0.30000000000000004, 1],
    "max_tokens": [None, 6],
    "top_p": [None, 0, 1],
    "seed": [None, 0, 2],
    "stop_sequences": [None, (), ("b", "a"), ("ab",), ("a,b",)],
    "reasoning_effort": [None, "", "high"],
    "response_format": [None, dict, Answer, {"type": "object"}, {}],
    "tools": [(), (TOOL, TOOL)],
    "tool_choice": [None, "auto", "Find"],
    "parallel_tool_calls": [None, False],
    "extra_body": [
        *({}, {"a": None}, {"a": {"b": [1]}}, {"a": {"b": [None, 1]}}),
        *({"a": {"b": [True, None]}}, {"a": {"b": ["1", None]}}, {"b": {"a": 1}}),
        *({"a": {"b": [1, "null"]}}, {"a": {"b": [1, 0]}}, {"a": {"b": [1, False]}}),
        *({"a": {"b": {"0": 1}}}, {"a": {"b": "[1,null]"}}, {"a": {"b": [[1], None]}}),
    ],
    "extra_headers": [{}, {"x-a": "2"}, {"x-b": "1"}, {"x-a": "1", "x-b": "1"}],
}


def test_a_change_of_every_field_is_tried():
    names = {field.name for field in attrs.fields(LLMRequest)}
    assert names == {*OTHER, *NO_PART}


def all_differ(requests):
    found = [key(request) for request in requests]
    return len(set(found)) == len(found)


@pytest.mark.parametrize("name", OTHER)
def test_change_of_one_field_is_another_key(name):
    changed = [attrs.evolve(WHOLE, **{name: value}) for value in OTHER[name]]
    assert all_differ([WHOLE, *changed])


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Find"},
        {"description": None},
        {"description": ""},
        {"parameters": {}},
        {"parameters": {"type": "object", "properties": {"a": {}}}},
        {"strict": None},
        {"strict": False},
    ],
)
def test_change_of_a_tool_is_another_key(changes):
    changed = attrs.evolve(WHOLE, tools=[attrs.evolve(TOOL, **changes)])
    assert key(changed) != key(WHOLE)


@pytest.mark.parametrize(
    ("turn", "changes"),
    [
        (0, {"role": "system"}),
        (0, {"content": ("Find",)}),
        (1, {"tool_calls": ()}),
        (1, {"tool_calls": [attrs.evolve(CALL, id="2")]}),
        (1, {"tool_calls": [attrs.evolve(CALL, name="f")]}),
        (1, {"tool_calls": [attrs.evolve(CALL, arguments={"a": 2})]}),
        (1, {"tool_calls": [attrs.evolve(CALL, raw_arguments="")]}),
        (1, {"tool_calls": [attrs.evolve(CALL, invalid=True)]}),
        (1, {"reasoning": None}),
        (1, {"provider_items": ()}),
        (1, {"provider_items": [{"dialect": "chat", "items": [{"a": 2}]}]}),
        (2, {"tool_call_id": "2"}),
        (2, {"is_error": True}),
        (2, {"content": "found"}),
    ],
)
def test_change_of_a_message_is_another_key(turn, changes):
    turns = list(TURNS)
    turns[turn] = attrs.evolve(turns[turn], **changes)
    assert key(attrs.evolve(WHOLE, messages=turns)) != key(WHOLE)


def test_change_of_a_part_is_another_key():
    contents = [
        *("u", [Text("u")], [Image("u")], [Document("u")], [Audio("u")]),
        *([Image("v")], [Image("u", detail="low")], [Document("u", name="n")]),
        *([Image("u"), Image("u")], [Image("u", media_type="a/b")]),
        [Image(data=b"", media_type="a/b")],
        [Image(data=b"u", media_type="a/b")],
        [Image(data=b"u", media_type="a/c")],
        [Document(data=b"u", media_type="a/b")],
        [Image("data:a/b;base64,dQ==")],
        [Text("u"), Image("u")],
        [Image("u"), Text("u")],
    ]
    assert all_differ([LLMRequest(content) for content in contents])
    assert all_differ(
        [LLMRequest(messages=[Message("user", content)]) for content in contents]
    )


@pytest.mark.parametrize("name", WHO)
def test_change_of_who_answers_is_another_key(name):
    here = Identity(request=WHOLE, **WHO)
    there = attrs.evolve(here, **{name: ""})
    assert request_key(here) != request_key(there)


def test_what_stands_in_one_field_cannot_pass_for_another():
    def at(provider, base_url, api):
        return request_key(
            Identity(
                provider=provider,
                base_url=base_url,
                api=api,
                request=LLMRequest("Hi"),
            )
        )

    found = [at("a", "b", "c"), at("ab", "", "c"), at("a", "bc", ""), at("b", "a", "c")]
    assert len(set(found)) == len(found)


def test_field_that_a_later_version_adds_is_part_of_the_key():
    @attrs.frozen
    class Wider(LLMRequest):
        voice: str | None = attrs.field(default=None, kw_only=True)

    assert key(Wider("Hi", voice="low")) != key(Wider("Hi", voice="high"))
    assert key(Wider("Hi")) == key("Hi")


def test_schema_of_a_type_is_another_than_that_schema_alone():
    """Providers hold only our own schemas to the letter."""
    wanted = output_format(Answer)
    form = {"type": "json_schema", "name": wanted.name, "schema": dict(wanted.schema)}
    asked = [Answer, form, wanted.schema]
    assert all_differ([LLMRequest("Hi", response_format=each) for each in asked])


def test_type_of_another_name_or_schema_is_another_key():
    kinds = [
        make_dataclass("Total", [("total", int)]),
        make_dataclass("Total", [("total", float)]),
        make_dataclass("Total", [("sum", int)]),
        make_dataclass("Sum", [("total", int)]),
    ]
    assert all_differ([LLMRequest("Hi", response_format=kind) for kind in kinds])


def test_order_of_headers_that_differ_in_case_only_matters_as_it_is_sent():
    one = key(extra_headers={"X-A": "1", "x-a": "2"})
    assert one != key(extra_headers={"x-a": "2", "X-A": "1"})


# -- for any two requests -------------------------------------------------------------


def meaning(value):
    """What a value says, slowly: equal where the same is asked."""
    if value is None or isinstance(value, str | bytes | bool):
        return type(value).__name__, value
    if isinstance(value, int | float):
        return "number", Fraction(value)
    if isinstance(value, list | tuple):
        return "array", [meaning(each) for each in value]
    if isinstance(value, dict):
        return "object", {name: meaning(each) for name, each in value.items()}
    if isinstance(value, type):
        wanted = output_format(value)
        return "type", wanted.name, meaning(wanted.schema)
    fields = attrs.asdict(value, recurse=False)
    if isinstance(value, LLMRequest):
        fields = {name: fields[name] for name in fields if name not in NO_PART}
        fields["extra_headers"] = sorted(
            (name.lower(), content)
            for name, content in value.extra_headers.items()
            if not is_secret(name)
        )
    return type(value), {name: meaning(each) for name, each in fields.items()}


# Few values, so that two requests are often the same, or nearly so.
scalars = st.sampled_from([None, True, False, 0, 1, 0.0, -0.0, 1.0, 0.5, "", "1", "a"])
objects = st.dictionaries(
    st.sampled_from(["", "a", "b"]),
    st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.sampled_from(["", "a"]), inner, max_size=2)
        ),
        max_leaves=3,
    ),
    max_size=2,
)
some_words = st.sampled_from(["", "a", "b"])
some_parts = st.sampled_from(
    [
        Text("a"),
        Image("a"),
        Document("a"),
        Audio("a"),
        Image(data=b"a", media_type="a"),
        Document(data=b"a", media_type="a"),
    ]
)
some_contents = some_words | st.lists(some_parts, max_size=2)
some_calls = st.builds(ToolCall, some_words, some_words, objects)
nearly_the_same = st.builds(
    LLMRequest,
    some_contents,
    messages=st.lists(
        st.builds(
            Message,
            st.sampled_from(["user", "assistant"]),
            some_contents,
            tool_calls=st.lists(some_calls, max_size=1),
            is_error=st.booleans(),
            provider_items=st.lists(objects, max_size=1),
        ),
        max_size=2,
    ),
    temperature=st.sampled_from([None, 0, 0.0, 1, 1.0]),
    stop_sequences=st.none() | st.lists(some_words, max_size=2),
    response_format=st.sampled_from([None, dict, Answer]) | objects,
    tools=st.lists(st.builds(Tool, some_words, parameters=objects), max_size=1),
    extra_body=objects,
    extra_headers=st.dictionaries(
        st.sampled_from(["x", "X-Api-Key"]), some_words, max_size=2
    ),
    timeout=st.sampled_from([None, 1]),
)
one_of_them = st.fixed_dictionaries(
    {},
    optional={
        "prompt": some_contents,
        "extra_body": objects,
        "temperature": st.sampled_from([None, 0, 0.0, 1, 1.0]),
        "response_format": st.sampled_from([None, dict, Answer]) | objects,
        "timeout": st.sampled_from([None, 1]),
    },
)


@given(nearly_the_same, nearly_the_same | one_of_them)
def test_keys_are_equal_just_where_the_same_is_asked(one, other):
    if isinstance(other, dict):
        other = attrs.evolve(one, **other)
    assert (key(one) == key(other)) == (meaning(one) == meaning(other))


@given(objects, objects)
def test_free_json_has_the_same_key_just_where_it_is_the_same(one, other):
    same = meaning(one) == meaning(other)
    assert (key(extra_body=one) == key(extra_body=other)) == same


@values.few
@given(values.requests, values.requests)
def test_any_two_requests_share_a_key_just_where_they_are_the_same(one, other):
    assert (key(one) == key(other)) == (meaning(one) == meaning(other))


# -- embeddings -----------------------------------------------------------------------


def test_same_texts_and_options_have_the_same_key():
    one = vectors_key("a", "b", dimensions=5, extra_body={"x": 0, "y": [1]})
    other = vectors_key("a", "b", dimensions=5, extra_body={"y": [1.0], "x": 0.0})
    assert one == other


def test_timeout_and_use_of_the_cache_are_no_part_of_a_key_of_vectors():
    assert vectors_key("a", timeout=5, cache=False, cache_ttl=7) == vectors_key("a")


def test_model_named_or_by_default_has_the_same_key():
    assert vectors_key("a", model="m") == vectors_key("a")


def test_model_that_only_the_options_name_counts():
    nobody = Identity(provider="own")
    options = [EmbeddingOptions(model=model) for model in ("a", "b", None)]
    assert len({embedding_key(nobody, ("a",), each) for each in options}) == 3


@pytest.mark.parametrize("name", ["provider", "model", "base_url"])
def test_change_of_who_makes_the_vectors_is_another_key(name):
    there = Identity(**{**WHO, name: "other"})
    assert embedding_key(there, ("a",), EmbeddingOptions()) != vectors_key("a")


def test_any_change_of_texts_or_options_is_another_key_of_vectors():
    found = [
        vectors_key("a", "b"),
        vectors_key("b", "a"),
        vectors_key("ab"),
        vectors_key("a", "b", ""),
        vectors_key('a","b'),
        vectors_key("a", "b", dimensions=5),
        vectors_key("a", "b", dimensions=6),
        vectors_key("a", "b", extra_body={"x": 1}),
        vectors_key("a", "b", extra_body={"x": True}),
    ]
    assert len(set(found)) == len(found)


def test_vectors_of_a_text_and_the_answer_to_it_have_different_keys():
    asked = Identity(request=LLMRequest("a"), **WHO)
    assert embedding_key(asked, ("a",), EmbeddingOptions()) != request_key(asked)


# -- no key ---------------------------------------------------------------------------


def deep(levels, kind=list):
    value = kind()
    for _ in range(levels):
        value = [value] if kind is list else {"a": value}
    return value


def taken_apart(value):
    """Letting go of all levels at once is more than Python can do."""
    while value:
        value = value.pop() if isinstance(value, list) else value.popitem()[1]


def circle():
    value = []
    value.append(value)
    return value


class Plain(Enum):
    ONE = 1


NO_JSON = [
    *(float("nan"), float("inf"), float("-inf"), Ratio("nan"), "\ud800"),
    *(
        {1, 2},
        frozenset(),
        b"bytes",
        object(),
        Decimal(1),
        deque(),
        Plain.ONE,
        Image("u"),
    ),
    *(int, circle(), types.MappingProxyType({}), 10**5000, LLMRequest("Hi")),
    *({1: 2}, {None: 1}, {b"a": 1}, {"\ud800": 1}, {1.0: 1}, {True: 1}, {("a",): 1}),
]


@pytest.mark.parametrize("value", NO_JSON, ids=lambda value: type(value).__name__)
def test_request_that_holds_what_is_no_json_has_no_key(value):
    for request in (
        LLMRequest("Hi", extra_body={"a": [value]}),
        LLMRequest("Hi", response_format={"type": "object", "default": value}),
        LLMRequest("Hi", tools=[Tool("f", parameters={"a": value})]),
        LLMRequest("Hi", messages=[Message("user", provider_items=[{"a": value}])]),
    ):
        with pytest.raises(ValueError):
            key(request)
    with pytest.raises(ValueError):
        vectors_key("a", extra_body={"a": value})


def test_name_that_is_no_text_is_told():
    """JSON has names in text only: what is sent for others depends on the encoder."""
    with pytest.raises(ValueError, match="an object with the name 1, which is no text"):
        key(extra_body={"a": {1: 2}})


@pytest.mark.parametrize("kind", [list, dict])
def test_request_that_is_nested_without_end_has_no_key(kind):
    body = {"a": deep(100_000, kind)}
    request = LLMRequest("Hi", extra_body=body)
    try:
        with pytest.raises(ValueError, match="has no key"):
            key(request)
    finally:
        taken_apart(body)
        taken_apart(request.extra_body)


@pytest.mark.parametrize("text", ["\ud800", "a\udfff"])
@pytest.mark.parametrize("name", ["prompt", "system_message", "tool_choice"])
def test_text_that_is_no_unicode_has_no_key(name, text):
    with pytest.raises(ValueError, match="has no key"):
        key(attrs.evolve(WHOLE, **{name: text}))
    with pytest.raises(ValueError, match="has no key"):
        vectors_key("a", text)


class Opaque:
    """What has no JSON schema."""


@pytest.mark.parametrize("kind", [Opaque, type])
def test_type_without_a_schema_has_no_key(kind):
    with pytest.raises(ValueError, match="has no key"):
        key(response_format=kind)


def test_identity_without_a_request_has_no_key():
    with pytest.raises(ValueError, match="names no request"):
        request_key(Identity(**WHO))


@given(values.requests)
@values.few
def test_every_other_request_has_one(request):
    version, _, digest = key(request).partition(":")
    assert (version, len(digest)) == (VERSION, 64)


# -- in every process -----------------------------------------------------------------

PROGRAM = """
from llm_adapter import *
from llm_adapter._embedding import EmbeddingOptions
from llm_adapter._identity import Identity
from llm_adapter._keys import embedding_key, request_key

who = {"provider": "groq", "model": "m", "base_url": "https://host/v1", "api": "chat"}
request = LLMRequest(
    ["Caf\\xe9", Image("u"), Document(data=b"d", media_type="application/pdf")],
    system_message="Be terse.",
    messages=[
        Message("user", "Find"),
        Message("assistant", tool_calls=[ToolCall("1", "find", {"b": 1.0, "a": None})]),
        Message("tool", "Found", tool_call_id="1"),
    ],
    model="m",
    temperature=0.0,
    tools=[Tool("find", parameters={"properties": {"z": {}, "a": {}}})],
    response_format={"type": "json_object"},
    extra_body={"z": [0.1, -0.0, True], "a": {"c": 1e300, "b": 10**30}},
    extra_headers={"X-B": "2", "x-a": "1", "Authorization": "Bearer s"},
)
print(request_key(Identity(request=request, **who)))
print(embedding_key(Identity(**who), ("a", "b"), EmbeddingOptions(dimensions=5)))
"""


@pytest.mark.parametrize("seed", ["0", "1", "random"])
def test_keys_are_the_same_in_every_process(seed, monkeypatch):
    """When another form is meant, VERSION has to be another too."""
    monkeypatch.setenv("PYTHONHASHSEED", seed)
    assert run_program(PROGRAM).split() == [
        "1:ab6064977eef1b07209be5da9d75ae671ac101f90d7e25c3bd4a5f2949c5f0a8",
        "1:8aa15f1f9f2d94f47bbcfef2e32b933e0b8f7dc43322dc7897de14a3be4ce05e",
    ]


def test_nothing_of_a_secret_is_in_what_is_hashed(monkeypatch):
    hashed = []
    sha256 = keys.sha256
    monkeypatch.setattr(
        keys, "sha256", lambda data: hashed.append(data) or sha256(data)
    )
    key(extra_headers={"X-Api-Key": "sk-hidden", "x-other": "shown"})
    assert b"shown" in hashed[0]
    assert b"hidden" not in hashed[0]
    assert b"api-key" not in hashed[0].lower()
