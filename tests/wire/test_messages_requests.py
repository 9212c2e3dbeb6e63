"""Requests of the Messages API: what is set is sent, in the way the API takes it."""

from __future__ import annotations

import base64
import copy
import json
import re
from dataclasses import dataclass
from itertools import pairwise

import msgspec
import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from llm_adapter import LLMRequest, Message, Tool
from llm_adapter._schema import JSON_INSTRUCTION
from llm_adapter._wire.anthropic_messages import converter
from llm_adapter._wire.anthropic_messages_answers import ANSWER_TOOL
from llm_adapter._wire.traits import PLAIN, Traits
from llm_adapter.models import Audio, Document, Image, Text, ToolCall
from llm_adapter.providers.anthropic import ANTHROPIC
from tests.wire.messages import (
    DIALECT,
    MODEL,
    WHOLE,
    Read,
    message,
    streamed,
    thinking,
    tool_use,
    written,
)
from tests.wire.messages import text as text_block

SONNET_55 = "claude-sonnet-5-5"
OPUS_55 = "claude-opus-5-5"
OPUS_5 = "claude-opus-5"
SONNET_5 = "claude-sonnet-5"
OPUS_48 = MODEL
OPUS_45 = "claude-opus-4-5-20251101"
HAIKU_45 = "claude-haiku-4-5"
SONNET_4 = "claude-sonnet-4-20250514"
HAIKU_3 = "claude-3-haiku-20240307"
MODELS = [SONNET_55, OPUS_55, OPUS_5, SONNET_5, OPUS_48, OPUS_45, HAIKU_45, SONNET_4]
MODELS += [HAIKU_3, "claude-haiku-5-5", "claude-opus-4-6", "claude-newer-7", "another"]


def encode(*args, stream=False, traits=None, **fields):
    """The body of a request, as it arrives at the server."""
    request = LLMRequest(*args, **{"model": OPUS_48, **fields})
    known = traits or ANTHROPIC.traits(request.model)
    body = DIALECT.encode(request, stream=stream, traits=known)
    return json.loads(msgspec.json.encode(body))


def turns(*messages, prompt="", **fields):
    """The turns in the body of a request that ends a conversation."""
    return encode(prompt, messages=messages, **fields)["messages"]


def refused(*args, traits=None, **fields):
    """What of a request cannot be said."""
    request = LLMRequest(*args, **{"model": OPUS_48, **fields})
    return DIALECT.unsupported(request, traits or ANTHROPIC.traits(request.model))


def user(content="Hi"):
    return Message("user", content)


def assistant(content="Yes.", **fields):
    return Message("assistant", content, **fields)


def system(content):
    return Message("system", content)


def result(id="a", content="42", **fields):
    return Message("tool", content, tool_call_id=id, **fields)


def call(id="a", name="f", arguments=None):
    return ToolCall(id, name, arguments or {})


# -- any request ----------------------------------------------------------------------

WORDS = st.text(max_size=6) | st.sampled_from(["", " ", "\n", "Hi"])
NAMES = st.text("abc_-1", min_size=1, max_size=6)
IDS = st.sampled_from(["a", "b", "toolu_01", "a.b", "a b", "", "ä", "call:7"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3)
    ),
    max_leaves=6,
)
MAPPINGS = st.dictionaries(WORDS, VALUES, max_size=3)
PARTS = st.one_of(
    st.builds(Text, WORDS),
    st.builds(Image, st.just("https://example.com/a.png")),
    st.builds(Image, data=st.binary(max_size=3), media_type=st.just("image/png")),
    st.builds(
        Document,
        data=st.sampled_from([b"%PDF", b"Hi", b"\xff"]),
        media_type=st.sampled_from(["application/pdf", "text/plain", "text/csv"]),
        name=st.none() | WORDS,
    ),
)
CONTENTS = WORDS | st.lists(PARTS, max_size=3)
CALLS = st.builds(ToolCall, IDS, NAMES, MAPPINGS) | st.builds(
    ToolCall, IDS, NAMES, raw_arguments=WORDS, invalid=st.just(True)
)


@st.composite
def answers(draw):
    """An answer as a turn, with what was kept of it."""
    blocks = draw(
        st.lists(
            st.one_of(
                st.builds(text_block, WORDS),
                st.builds(text_block, WORDS, citations=st.just([{"n": 1}])),
                st.builds(thinking, WORDS),
                st.builds(tool_use, NAMES, NAMES, input=MAPPINGS),
            ),
            max_size=3,
        )
    )
    model = draw(st.sampled_from(MODELS))
    return DIALECT.decode(written(message(*blocks, model=model))).message


TURNS = st.one_of(
    st.builds(Message, st.sampled_from(["system", "user"]), CONTENTS),
    st.builds(
        Message,
        st.just("assistant"),
        CONTENTS,
        tool_calls=st.lists(CALLS, max_size=2),
        reasoning=st.none() | WORDS,
    ),
    st.builds(
        Message,
        st.just("tool"),
        CONTENTS,
        tool_call_id=IDS.filter(bool),
        is_error=st.booleans(),
    ),
    answers(),
)
FORMATS = st.sampled_from(
    [
        {"type": "text"},
        {"type": "json_object"},
        {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}},
        {"type": "array", "items": {"type": "string"}},
    ]
)
TOOLS = st.builds(
    Tool, NAMES, st.none() | WORDS, MAPPINGS, strict=st.none() | st.booleans()
)
EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh", "max", "other"]


@st.composite
def requests(draw):
    tools = draw(st.lists(TOOLS, max_size=2))
    choices = [None, "auto", "none"]
    if tools:
        choices += ["required", tools[0].name]
    request = draw(
        st.builds(
            LLMRequest,
            CONTENTS,
            system_message=st.none() | WORDS,
            messages=st.lists(TURNS, max_size=5),
            model=st.sampled_from(MODELS),
            temperature=st.none() | st.floats(0, 1),
            max_tokens=st.none() | st.integers(1, 9999),
            top_p=st.none() | st.floats(0, 1),
            stop_sequences=st.none() | st.lists(WORDS, max_size=3),
            reasoning_effort=st.none() | st.sampled_from(EFFORTS),
            response_format=st.none() | FORMATS,
            tool_choice=st.sampled_from(choices),
            parallel_tool_calls=st.none() | st.booleans(),
            metadata=st.dictionaries(st.just("user_id"), WORDS),
        )
    )
    return evolve(request, tools=tools)


def traits_of(request):
    return ANTHROPIC.traits(request.model)


@st.composite
def sayable(draw):
    """A request that can be said, and the traits of its model."""
    request = draw(requests())
    traits = traits_of(request)
    # What cannot be said is taken out rather than thrown away: few would be left.
    while (feature := DIALECT.unsupported(request, traits)) is not None:
        name = feature.split()[0].partition("=")[0]
        if name in ("seed", "tool_choice", "response_format", "reasoning_effort"):
            request = evolve(request, **{name: None})
        else:
            request = evolve(request, prompt="Hi", messages=())
    return request, traits


@given(sayable(), st.booleans())
def test_only_fields_of_the_api_are_sent(example, stream):
    request, traits = example
    body = DIALECT.encode(request, stream=stream, traits=traits)
    assert body["model"] == request.model
    assert body["max_tokens"] == (request.max_tokens or 2000)
    assert body.get("stream") is (True if stream else None)
    assert set(body) <= {
        *("model", "max_tokens", "messages", "system", "stop_sequences", "stream"),
        *("temperature", "top_p", "thinking", "output_config", "tools", "tool_choice"),
    }
    for name in ("temperature", "top_p"):
        assert body.get(name) == getattr(request, name)


@given(sayable())
def test_the_conversation_keeps_the_rules_of_the_api(example):
    request, traits = example
    sent = DIALECT.encode(request, stream=False, traits=traits)["messages"]
    roles = [turn["role"] for turn in sent]
    assert roles[0] == "user"
    assert all(before != after for before, after in pairwise(roles))
    for before, role, after in zip(
        ["", *roles], roles, [*roles[1:], "assistant"], strict=False
    ):
        if role == "system":
            assert (before, after) == ("user", "assistant")
            assert traits.system_turns
    if roles[-1] == "assistant":
        assert traits.prefill


@given(sayable())
def test_the_blocks_keep_the_rules_of_the_api(example):
    request, traits = example
    for turn in DIALECT.encode(request, stream=False, traits=traits)["messages"]:
        content = turn["content"]
        blocks = [text_block(content)] if isinstance(content, str) else content
        kinds = [block["type"] for block in blocks]
        assert any(kind != "text" for kind in kinds) or any(
            block["text"].strip() for block in blocks
        )
        assert all(block.get("text") != "" for block in blocks)
        results = [kind == "tool_result" for kind in kinds]
        assert results == sorted(results, reverse=True)
        assert turn["role"] == "user" or not any(results)
        assert turn["role"] == "assistant" or "tool_use" not in kinds
        assert kinds[-1] != "thinking"
        for block in blocks:
            check_block(block)


def check_block(block):
    if block["type"] == "tool_use":
        assert re.fullmatch("[A-Za-z0-9_-]+", block["id"])
        assert isinstance(block["input"], dict)
    if block["type"] == "tool_result":
        assert re.fullmatch("[A-Za-z0-9_-]+", block["tool_use_id"])
        assert block.get("content") or not block.get("is_error")
        assert block.get("content", "x")


@given(sayable())
def test_thinking_and_tools_keep_the_rules_of_the_api(example):
    request, traits = example
    body = DIALECT.encode(request, stream=False, traits=traits)
    how = body.get("thinking", {"type": traits.reasons})
    if how["type"] == "enabled":
        assert 1024 <= how["budget_tokens"] < body["max_tokens"]
    if how["type"] in ("disabled", "between_tools"):
        assert traits.reasons == "yes"
    choice = body.get("tool_choice", {"type": "auto"})
    assert "tools" in body or "tool_choice" not in body
    if choice["type"] in ("any", "tool"):
        assert traits.forced_tools != "no"
        assert traits.forced_tools == "yes" or how["type"] in ("no", "disabled")
    if choice["type"] == "tool":
        assert choice["name"] in [tool["name"] for tool in body["tools"]]
    assert traits.schemas or "format" not in body.get("output_config", {})


@given(sayable(), st.booleans())
def test_a_body_is_always_valid_json(example, stream):
    request, traits = example
    body = DIALECT.encode(request, stream=stream, traits=traits)
    assert json.loads(msgspec.json.encode(body)) == json.loads(json.dumps(body))


@given(sayable())
def test_a_request_is_not_changed_by_being_sent(example):
    request, traits = example
    before = copy.deepcopy(request)
    DIALECT.encode(request, stream=True, traits=traits).clear()
    assert request == before


@given(sayable(), MAPPINGS)
def test_extra_fields_are_merged_last(example, extra):
    request, traits = example
    plain = DIALECT.encode(request, stream=False, traits=traits)
    asked = evolve(request, extra_body=extra)
    assert DIALECT.encode(asked, stream=False, traits=traits) == {**plain, **extra}


@given(sayable())
def test_the_converter_says_the_same_of_an_unknown_model(example):
    request, _ = example
    assume(DIALECT.unsupported(request, PLAIN) is None)
    assert converter().unstructure(request) == DIALECT.encode(request, stream=False)


@given(requests())
def test_what_cannot_be_said_is_named_by_its_first_word(request):
    feature = DIALECT.unsupported(request, traits_of(request))
    if feature is not None:
        assert re.split(r"[ =]", feature)[0] in (
            *("Image", "Document", "messages", "response_format", "tool_choice"),
            "reasoning_effort",
        )


# -- fields ---------------------------------------------------------------------------


def test_the_least_request_says_the_least():
    assert encode("Hi") == {
        "model": OPUS_48,
        "max_tokens": 2000,
        "messages": [{"role": "user", "content": "Hi"}],
    }


def test_labels_timeout_and_headers_are_not_sent():
    body = encode("Hi", metadata={"user_id": 1}, timeout=5, extra_headers={"X-A": "b"})
    assert set(body) == {"model", "max_tokens", "messages"}


@pytest.mark.parametrize(
    ("fields", "version"),
    [
        ({}, None),
        ({"temperature": 0}, "2023-06-01"),
        ({"top_p": 0.5}, "2023-06-01"),
        ({"temperature": 1, "top_p": 1}, "2023-06-01"),
    ],
)
def test_sampling_asks_for_the_version_of_the_api_that_knows_it(fields, version):
    headers = DIALECT.headers(LLMRequest("Hi", **fields))
    assert headers.get("anthropic-version") == version
    assert len(headers) == (version is not None)


@pytest.mark.parametrize(
    ("max_tokens", "must"), [(None, False), (1, False), (21_333, False), (21_334, True)]
)
def test_long_answers_have_to_be_streamed(max_tokens, must):
    assert DIALECT.must_stream(LLMRequest("Hi", max_tokens=max_tokens)) is must


def test_the_dialect_names_itself_and_its_path():
    assert (DIALECT.name, DIALECT.path) == ("messages", "/messages")


def test_a_seed_is_refused():
    assert refused("Hi", seed=0) == "seed (this API has no such field)"


# -- system ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("above", "leading", "sent"),
    [
        (None, [], None),
        ("", [], None),
        (" \n", [], None),
        ("Be terse.", [], "Be terse."),
        ("Be terse.", ["Be kind.", "Be quick."], "Be terse.\n\nBe kind.\n\nBe quick."),
        (None, ["", ["Be ", Text("kind.")]], "Be kind."),
    ],
)
def test_instructions_at_the_beginning_stand_above_the_conversation(
    above, leading, sent
):
    body = encode("Hi", system_message=above, messages=map(system, leading))
    assert body.get("system") == sent
    assert [turn["role"] for turn in body["messages"]] == ["user"]


def test_later_instructions_stand_behind_the_users_turn():
    conversation = [user(), system("One."), user("Ho"), system("Two."), assistant()]
    assert turns(*conversation, prompt="Go on") == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Hi"},
                {"type": "text", "text": "Ho"},
            ],
        },
        {"role": "system", "content": "One.\n\nTwo."},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "Go on"},
    ]


def test_instructions_may_be_the_last_word():
    assert turns(user(), assistant(), system("Sum up."), prompt="Go on")[-2:] == [
        {"role": "user", "content": "Go on"},
        {"role": "system", "content": "Sum up."},
    ]


def test_instructions_never_part_a_call_from_its_result():
    conversation = [user(), assistant(tool_calls=[call()]), system("Hm."), result()]
    assert [turn["role"] for turn in turns(*conversation)] == [
        "user",
        "assistant",
        "user",
        "system",
    ]


def test_instructions_between_words_of_the_assistant_stand_above():
    body = encode("Go", messages=[user(), assistant(), system("Hm."), assistant("So")])
    assert body["system"] == "Hm."
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]


@pytest.mark.parametrize("model", [SONNET_5, "claude-opus-4-7", HAIKU_45])
def test_later_instructions_stand_above_where_the_model_knows_no_other_place(model):
    conversation = [user(), system("Be kind."), assistant()]
    body = encode("Go", system_message="S", messages=conversation, model=model)
    assert body["system"] == "S\n\nBe kind."
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]


# -- turns ----------------------------------------------------------------------------


def test_messages_of_one_side_are_one_turn():
    conversation = [user("a"), user("b"), assistant("c"), assistant("d")]
    assert [(turn["role"], len(turn["content"])) for turn in turns(*conversation)] == [
        ("user", 2),
        ("assistant", 2),
    ]


@pytest.mark.parametrize("empty", ["", " \n", [], ["", Text(" ")]])
def test_messages_that_say_nothing_are_left_out(empty):
    conversation = [user("a"), assistant(empty), system(empty), user(empty)]
    assert turns(*conversation, prompt=empty) == [{"role": "user", "content": "a"}]


def test_blank_text_beside_other_parts_is_left_out():
    picture = Image("https://example.com/a.png")
    (turn,) = turns(user(["", picture, " "]))
    assert [block["type"] for block in turn["content"]] == ["image"]


@pytest.mark.parametrize("said", [[], [user("")], [system("x")]])
def test_a_conversation_that_says_nothing_is_refused(said):
    assert refused("", messages=said) == "messages that say nothing"


def test_a_conversation_that_begins_with_the_assistant_is_refused():
    feature = refused("Hi", messages=[system("x"), user(""), assistant()])
    assert feature == "messages that begin with the assistant"


@pytest.mark.parametrize("model", [OPUS_48, SONNET_55, OPUS_5, "claude-opus-4-6"])
def test_words_put_into_the_models_mouth_are_refused_by_newer_models(model):
    feature = refused("", messages=[user(), assistant()], model=model)
    assert feature == (
        "messages that end with the assistant (this model cannot go on from them)"
    )


@pytest.mark.parametrize("model", [OPUS_45, HAIKU_45, "claude-3-5-haiku"])
def test_older_models_go_on_from_words_put_into_their_mouth(model):
    conversation = [user(), assistant("{ ")]
    assert refused("", messages=conversation, model=model) is None
    assert turns(*conversation, model=model)[-1] == {
        "role": "assistant",
        "content": "{ ",
    }


def test_words_put_into_the_models_mouth_cannot_be_held_to_a_schema():
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    conversation = [user(), assistant("{")]
    assert (
        refused("", messages=conversation, model=HAIKU_45, response_format=schema)
        == "response_format with messages that end with the assistant"
    )


# -- tools in the conversation --------------------------------------------------------


def test_results_stand_first_in_one_turn_after_their_calls():
    conversation = [
        user(),
        assistant("Wait.", tool_calls=[call("a", "f", {"x": 1}), call("b", "g")]),
        result("a", "1"),
        user("Hurry."),
        result("b", "no", is_error=True),
    ]
    assert turns(*conversation, prompt="Well?")[1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Wait."},
                {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
                {"type": "tool_use", "id": "b", "name": "g", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "1"},
                {
                    "type": "tool_result",
                    "tool_use_id": "b",
                    "content": "no",
                    "is_error": True,
                },
                {"type": "text", "text": "Hurry."},
                {"type": "text", "text": "Well?"},
            ],
        },
    ]


def the_result(*args, **fields):
    """The block of a result."""
    return turns(result(*args, **fields))[0]["content"][0]


def test_a_result_may_hold_pictures_and_documents():
    parts = ["See:", Image("https://example.com/a.png"), Document("https://x.y/b.pdf")]
    kinds = [block["type"] for block in the_result(content=parts)["content"]]
    assert kinds == ["text", "image", "document"]


def test_a_result_that_says_nothing_has_no_content():
    assert the_result(content=" ") == {"type": "tool_result", "tool_use_id": "a"}


def test_an_error_that_says_nothing_says_so():
    failed = the_result(content="", is_error=True)
    assert (failed["content"], failed["is_error"]) == ("The tool failed.", True)


def test_arguments_that_are_no_object_are_sent_inside_one():
    cut = ToolCall("a", "f", raw_arguments='{"x', invalid=True)
    (block,) = turns(user(), assistant("", tool_calls=[cut]))[1]["content"]
    assert block["input"] == {"invalid_arguments": '{"x'}


@given(st.lists(st.text(min_size=1, max_size=9), max_size=9, unique=True))
def test_ids_are_sent_in_the_characters_of_the_api_and_still_differ(ids):
    asked = assistant("", tool_calls=[call(id) for id in ids])
    _, *sent = turns(user(), asked, *map(result, ids))
    names = [block["id"] for turn in sent[:1] for block in turn["content"]]
    answered = [block["tool_use_id"] for turn in sent[1:] for block in turn["content"]]
    assert names == answered
    assert len(set(names)) == len(ids)
    assert all(re.fullmatch("[A-Za-z0-9_-]+", name) for name in names)


@pytest.mark.parametrize("id", ["toolu_01A", "call_9", "a-b"])
def test_ids_that_the_api_takes_are_sent_as_they_are(id):
    assert the_result(id)["tool_use_id"] == id


def test_an_id_that_is_not_unicode_is_replaced():
    assert the_result("\ud800")["tool_use_id"].startswith("call_")


@pytest.mark.parametrize("role", ["user", "system"])
def test_calls_of_anyone_but_the_assistant_are_none(role):
    message = Message(role, "", tool_calls=[call()])
    assert refused("", messages=[message]) == "messages that say nothing"
    (said, *_) = turns(evolve(message, role="user", content="b"))
    assert said == {"role": "user", "content": "b"}


# -- content --------------------------------------------------------------------------

DATA = base64.b64encode(b"\x00\xff").decode()


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        (Text("Hi"), "Hi"),
        (
            Image("https://example.com/a.png", detail="auto"),
            {
                "type": "image",
                "source": {"type": "url", "url": "https://example.com/a.png"},
            },
        ),
        (
            Image(data=b"\x00\xff", media_type="image/png"),
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": DATA},
            },
        ),
        (
            Image(f"data:image/png;base64,{DATA}"),
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": DATA},
            },
        ),
        (
            Document(data=b"\x00\xff", media_type="application/pdf", name="cv.pdf"),
            {
                "type": "document",
                "source": {
                    "type": "base64",
                    "media_type": "application/pdf",
                    "data": DATA,
                },
                "title": "cv.pdf",
            },
        ),
        (
            Document("https://example.com/cv.pdf", name=""),
            {
                "type": "document",
                "source": {"type": "url", "url": "https://example.com/cv.pdf"},
            },
        ),
        *(
            (
                document,
                {
                    "type": "document",
                    "source": {
                        "type": "text",
                        "media_type": "text/plain",
                        "data": "Grüße",
                    },
                },
            )
            for document in (
                Document(data="Grüße".encode(), media_type="text/plain"),
                Document(
                    data="Grüße".encode(), media_type="Text/Markdown; charset=utf-8"
                ),
                Document("data:text/plain;base64,R3LDvMOfZQ=="),
                Document("data:,Gr%C3%BC%C3%9Fe"),
                Document("data:text/plain;charset=utf-8,Gr%C3%BC%C3%9Fe"),
            )
        ),
    ],
)
def test_parts_are_sent_in_the_form_of_the_api(part, sent):
    expected = sent if isinstance(sent, str) else [sent]
    assert refused([part]) is None
    assert turns(prompt=[part])[0]["content"] == expected


@pytest.mark.parametrize(
    ("part", "feature"),
    [
        (
            Audio(data=b"x", media_type="audio/wav"),
            "Audio (this API takes none)",
        ),
        (
            Image("https://example.com/a.png", detail="low"),
            "Image with detail='low' (this API has no such field)",
        ),
        (Image("data:image/png;base64,??"), "Image whose data: URL cannot be read"),
        (
            Document(data=b"\xff", media_type="text/plain"),
            "Document of text that is not UTF-8",
        ),
        (
            Document(data=b"PK", media_type="application/zip"),
            "Document of type 'application/zip' (this API takes PDF and text)",
        ),
    ],
)
def test_parts_that_the_api_does_not_take_are_refused(part, feature):
    assert refused(["See:", part]) == feature
    assert refused("Hi", messages=[result(content=[part])]) == feature


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_only_text_is_taken_from_anyone_but_the_user(role):
    picture = Image("https://example.com/a.png")
    conversation = [user(), Message(role, ["See:", picture])]
    assert refused("Hi", messages=conversation) == f"Image in a message of the {role}"


# -- tools ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "sent"),
    [
        (
            Tool("f"),
            {"name": "f", "input_schema": {"type": "object", "properties": {}}},
        ),
        (
            Tool("f", "", {"properties": {"a": {"maximum": 3}}}, strict=False),
            {
                "name": "f",
                "description": "",
                "input_schema": {
                    "type": "object",
                    "properties": {"a": {"maximum": 3}},
                },
                "strict": False,
            },
        ),
        (
            Tool("f", "does f", {"properties": {"a": {"maximum": 3}}}, strict=True),
            {
                "name": "f",
                "description": "does f",
                "input_schema": {
                    "type": "object",
                    "properties": {"a": {"description": "{maximum: 3}"}},
                    "additionalProperties": False,
                },
                "strict": True,
            },
        ),
    ],
)
def test_a_tool_is_sent_with_the_schema_of_its_input(tool, sent):
    assert encode("Hi", tools=[tool]) == {
        **encode("Hi"),
        "tools": [sent],
    }


@pytest.mark.parametrize(
    ("choice", "parallel", "sent"),
    [
        ("auto", None, {"type": "auto"}),
        ("none", None, {"type": "none"}),
        ("required", None, {"type": "any"}),
        ("f", None, {"type": "tool", "name": "f"}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (None, True, {"type": "auto", "disable_parallel_tool_use": False}),
        ("required", False, {"type": "any", "disable_parallel_tool_use": True}),
        (
            "f",
            False,
            {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        ),
        ("none", False, {"type": "none"}),
    ],
)
def test_the_choice_of_a_tool(choice, parallel, sent):
    fields = {"tool_choice": choice, "parallel_tool_calls": parallel}
    assert encode("Hi", tools=[Tool("f")], **fields)["tool_choice"] == sent


@pytest.mark.parametrize("choice", [None, "auto", "none"])
def test_without_tools_nothing_is_said_of_them(choice):
    body = encode("Hi", tool_choice=choice, parallel_tool_calls=False)
    assert body == encode("Hi")


# -- reasoning ------------------------------------------------------------------------

SUMMARIZED = {"type": "adaptive", "display": "summarized"}


def reasoning(effort, model, **fields):
    """How a body asks a model to reason."""
    body = encode("Hi", reasoning_effort=effort, model=model, **fields)
    return body.get("thinking"), body.get("output_config")


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "output"),
    [
        (OPUS_48, None, None, None),
        (OPUS_48, "none", None, None),
        (OPUS_48, "xhigh", SUMMARIZED, {"effort": "xhigh"}),
        (OPUS_5, None, None, None),
        (OPUS_5, "none", {"type": "disabled"}, None),
        (OPUS_5, "low", SUMMARIZED, {"effort": "low"}),
        (SONNET_55, "none", {"type": "between_tools"}, None),
        ("anthropic/claude-sonnet-5.5", "none", {"type": "between_tools"}, None),
        (SONNET_55, "max", SUMMARIZED, {"effort": "max"}),
        (OPUS_55, "medium", SUMMARIZED, {"effort": "medium"}),
        (HAIKU_45, "none", None, None),
        ("claude-newer-7", "none", {"type": "disabled"}, None),
        ("claude-newer-7", "low", SUMMARIZED, {"effort": "low"}),
        ("another-model", "low", None, {"effort": "low"}),
    ],
)
def test_effort_is_asked_for_as_the_model_takes_it(model, effort, thinking, output):
    assert reasoning(effort, model) == (thinking, output)


@pytest.mark.parametrize(
    ("effort", "max_tokens", "budget"),
    [
        ("minimal", 20_000, 2_000),
        ("low", 20_000, 4_000),
        ("medium", 20_000, 10_000),
        ("high", 20_000, 16_000),
        ("xhigh", 20_000, 19_000),
        ("max", 20_000, 19_000),
        ("minimal", 1025, 1024),
        ("low", None, 1024),
    ],
)
def test_effort_is_a_share_of_the_tokens_where_the_model_takes_a_budget(
    effort, max_tokens, budget
):
    asked = {"type": "enabled", "budget_tokens": budget}
    assert reasoning(effort, HAIKU_45, max_tokens=max_tokens) == (asked, None)


def test_one_model_takes_a_budget_and_an_effort():
    asked = {"type": "enabled", "budget_tokens": 10_000}
    assert reasoning("medium", OPUS_45, max_tokens=20_000) == (
        asked,
        {"effort": "medium"},
    )


@pytest.mark.parametrize("max_tokens", [1, 1024])
def test_a_limit_that_leaves_no_room_to_reason_is_refused(max_tokens):
    fields = {"reasoning_effort": "low", "max_tokens": max_tokens}
    assert refused("Hi", model=HAIKU_45, **fields) == (
        f"reasoning_effort='low' with max_tokens={max_tokens} (reasoning alone takes "
        "1024: raise max_tokens)"
    )


def test_an_effort_that_is_no_share_is_refused():
    assert refused("Hi", model=HAIKU_45, reasoning_effort="some") == (
        "reasoning_effort='some' (it takes minimal, low, medium, high, xhigh, max)"
    )


def test_a_model_that_always_reasons_cannot_be_told_not_to():
    assert refused("Hi", model=OPUS_55, reasoning_effort="none") == (
        "reasoning_effort='none' (this model always reasons)"
    )


@pytest.mark.parametrize("choice", ["required", "f"])
@pytest.mark.parametrize(
    ("model", "sent"),
    [(OPUS_5, {"type": "disabled"}), (OPUS_48, None), (HAIKU_45, None)],
)
def test_a_model_that_must_call_a_tool_does_not_reason_by_itself(choice, model, sent):
    fields = {"tools": [Tool("f")], "tool_choice": choice, "model": model}
    assert refused("Hi", **fields) is None
    assert encode("Hi", **fields).get("thinking") == sent


@pytest.mark.parametrize(
    ("model", "effort", "why"),
    [
        (OPUS_55, None, "this model cannot be made to call a tool"),
        (SONNET_55, None, "this model cannot be made to call a tool"),
        (SONNET_55, "none", "this model cannot be made to call a tool"),
        (OPUS_5, "low", "this model cannot be made to call a tool while it reasons"),
        (HAIKU_45, "low", "this model cannot be made to call a tool while it reasons"),
    ],
)
def test_a_model_that_cannot_be_made_to_call_a_tool_says_so(model, effort, why):
    fields = {"tools": [Tool("f")], "model": model, "reasoning_effort": effort}
    assert refused("Hi", tool_choice="f", **fields) == f"tool_choice='f' ({why})"
    assert refused("Hi", tool_choice="auto", **fields) is None


def test_a_model_that_always_reasons_is_not_made_to_call_a_tool_in_vain():
    traits = Traits(reasons="always", forced_tools="unless_reasoning")
    feature = refused("Hi", tools=[Tool("f")], tool_choice="f", traits=traits)
    assert feature == "tool_choice='f' (this model cannot be made to call a tool)"


# -- answers in JSON ------------------------------------------------------------------

SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "minLength": 2}}}
SENT = {
    "type": "object",
    "properties": {"a": {"type": "string", "description": "{minLength: 2}"}},
    "additionalProperties": False,
}


@dataclass
class Resume:
    """A person's history."""

    name: str


@pytest.mark.parametrize(
    ("asked", "schema"),
    [
        (SCHEMA, SENT),
        ({"type": "json_schema", "json_schema": {"schema": SCHEMA}}, SENT),
        (
            {"type": "json_schema", "schema": SCHEMA, "description": "A person."},
            {"description": "A person.", **SENT},
        ),
        (
            {
                "type": "json_schema",
                "schema": {"type": "string", "description": "A name."},
                "description": "A person.",
            },
            {"type": "string", "description": "A name."},
        ),
    ],
)
def test_a_schema_is_sent_in_the_form_of_the_api(asked, schema):
    output = encode("Hi", response_format=asked)["output_config"]
    assert output == {"format": {"type": "json_schema", "schema": schema}}


def test_a_type_is_sent_as_its_schema():
    schema = encode("Hi", response_format=Resume)["output_config"]["format"]["schema"]
    assert schema["properties"] == {"name": {"type": "string"}}
    assert schema["additionalProperties"] is False


def test_a_schema_and_an_effort_stand_side_by_side():
    body = encode("Hi", response_format=SCHEMA, reasoning_effort="low")
    assert set(body["output_config"]) == {"effort", "format"}


@pytest.mark.parametrize(
    ("system", "sent"),
    [
        (None, JSON_INSTRUCTION),
        ("Be terse.", f"Be terse.\n\n{JSON_INSTRUCTION}"),
        (f"{JSON_INSTRUCTION} Now.", f"{JSON_INSTRUCTION} Now."),
    ],
)
def test_an_answer_that_is_any_json_object_is_asked_for_in_words(system, sent):
    asked = {"type": "json_object"}
    body = encode("Hi", system_message=system, response_format=asked)
    assert body == {**encode("Hi"), "system": sent}


def test_plain_text_is_what_is_given_anyway():
    assert encode("Hi", response_format={"type": "text"}) == encode("Hi")


@pytest.mark.parametrize(
    ("asked", "description"),
    [
        (SCHEMA, "Give the answer by calling this tool."),
        (
            {"type": "json_schema", "schema": SCHEMA, "description": "A person."},
            "A person.",
        ),
    ],
)
def test_a_model_without_schemas_answers_by_calling_a_tool(asked, description):
    body = encode("Hi", response_format=asked, model=SONNET_4)
    tool = {"name": ANSWER_TOOL, "description": description, "input_schema": SCHEMA}
    assert body["tools"] == [tool]
    assert body["tool_choice"] == {
        "type": "tool",
        "name": ANSWER_TOOL,
        "disable_parallel_tool_use": True,
    }
    assert "output_config" not in body


@pytest.mark.parametrize(
    ("fields", "feature"),
    [
        (
            {"tools": [Tool("f")]},
            "response_format with tools (this model keeps to no schema beside them)",
        ),
        (
            {"response_format": {"type": "array"}},
            "response_format (this model keeps to schemas of objects only)",
        ),
        (
            {"reasoning_effort": "low", "max_tokens": 9000},
            "response_format (this model cannot be made to call a tool while it "
            "reasons)",
        ),
    ],
)
def test_a_schema_that_no_tool_can_take_is_refused(fields, feature):
    fields = {"response_format": SCHEMA, "model": SONNET_4, **fields}
    assert refused("Hi", **fields) == feature


def test_a_model_that_reasons_does_not_when_a_tool_has_to_take_the_answer():
    traits = Traits(reasons="yes", forced_tools="unless_reasoning", schemas=False)
    body = encode("Hi", response_format=SCHEMA, traits=traits)
    assert body["thinking"] == {"type": "disabled"}


# -- answers that go back -------------------------------------------------------------

ANSWER = json.loads(WHOLE["anthropic_thinking_tools"])
ANSWERED = DIALECT.decode(WHOLE["anthropic_thinking_tools"]).message


def sent_back(turn, model=HAIKU_45, **fields):
    """The turn of the assistant in a conversation that goes on."""
    return turns(user(), turn, prompt="Go on", model=model, **fields)[1]["content"]


@pytest.mark.parametrize("model", [HAIKU_45, f"{HAIKU_45}-20251001"])
def test_an_answer_goes_back_as_it_came(model):
    assert sent_back(ANSWERED, model) == ANSWER["content"]


@pytest.mark.parametrize("name", WHOLE)
def test_a_streamed_answer_goes_back_as_it_would_have_come(name):
    answer = json.loads(WHOLE[name])
    turn = Read(*streamed(answer)).response.message
    assert sent_back(turn, answer["model"]) == answer["content"]


def test_an_answer_that_was_stored_goes_back_as_it_came():
    stored = json.loads(json.dumps(ANSWERED.provider_items))
    assert sent_back(evolve(ANSWERED, provider_items=stored)) == ANSWER["content"]


PLAIN_BLOCKS = [
    {name: block[name] for name in block if name != "caller"}
    for block in ANSWER["content"][1:]
]


@pytest.mark.parametrize(
    "model", [SONNET_55, "claude-haiku-4", f"{HAIKU_45}-20260101", "x"]
)
def test_another_model_gets_the_words_and_calls_only(model):
    assert sent_back(ANSWERED, model) == PLAIN_BLOCKS


@pytest.mark.parametrize(
    "label", [{"dialect": "chat"}, {"model": ""}, {"items": "x"}, {"items": []}]
)
def test_what_another_dialect_kept_is_left_behind(label):
    (known,) = ANSWERED.provider_items
    other = evolve(ANSWERED, provider_items=[{**known, **label}])
    assert sent_back(other) == PLAIN_BLOCKS


def test_an_answer_whose_text_was_changed_is_sent_as_it_is_now():
    blocks = sent_back(evolve(ANSWERED, content="Changed."))
    assert blocks == [{"type": "text", "text": "Changed."}, *PLAIN_BLOCKS[1:]]


@pytest.mark.parametrize(
    "calls",
    [
        ANSWERED.tool_calls[:1],
        ANSWERED.tool_calls[::-1],
        [evolve(ANSWERED.tool_calls[0], id="b"), ANSWERED.tool_calls[1]],
        [evolve(ANSWERED.tool_calls[0], arguments={}), ANSWERED.tool_calls[1]],
    ],
)
def test_an_answer_whose_calls_were_changed_is_sent_as_it_is_now(calls):
    blocks = sent_back(evolve(ANSWERED, tool_calls=calls))
    assert [block["type"] for block in blocks] == ["text"] + ["tool_use"] * len(calls)


def answered(*blocks):
    """The turn of an answer with these blocks."""
    return DIALECT.decode(written(message(*blocks))).message


@pytest.mark.parametrize(
    ("blocks", "sent"),
    [
        (
            [thinking(), text_block(""), text_block(" "), text_block("Hi")],
            [thinking(), text_block(" "), text_block("Hi")],
        ),
        (
            [thinking(), text_block("\n\n"), tool_use()],
            [thinking(), tool_use()],
        ),
        (
            [text_block("", citations=[{"n": 1}]), text_block("Hi")],
            "Hi",
        ),
    ],
)
def test_empty_text_of_an_answer_does_not_go_back(blocks, sent):
    assert sent_back(answered(*blocks), MODEL) == sent


@pytest.mark.parametrize(
    "last", [thinking(), {"type": "redacted_thinking", "data": "x"}]
)
def test_an_answer_that_was_cut_while_thinking_goes_back_without_it(last):
    turn = answered(thinking(), text_block("Hi"), last)
    assert sent_back(turn, MODEL) == "Hi"


def test_an_answer_that_is_thinking_only_does_not_go_back():
    assert turns(user("a"), answered(thinking()), user("b"), model=MODEL) == [
        {
            "role": "user",
            "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        }
    ]


def test_a_paused_answer_may_be_the_last_word():
    search = tool_use("srv", "web_search", type="server_tool_use")
    paused = answered(text_block("I search."), search)
    fields = {"messages": [user(), paused], "response_format": SCHEMA}
    assert refused("", **fields) is None
    assert encode("", **fields)["messages"][1]["content"] == [
        text_block("I search."),
        search,
    ]


def test_a_paused_answer_without_words_is_sent_too():
    search = tool_use("srv", "web_search", type="server_tool_use")
    conversation = [user(), answered(search)]
    assert turns(*conversation)[1] == {"role": "assistant", "content": [search]}


# -- the converter --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (user(), {"role": "user", "content": "Hi"}),
        (assistant(), {"role": "assistant", "content": "Yes."}),
        (system("Be kind."), {"role": "system", "content": "Be kind."}),
        (
            result(),
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": "42"}
                ],
            },
        ),
        (
            Tool("f"),
            {"name": "f", "input_schema": {"type": "object", "properties": {}}},
        ),
        (call(), {"type": "tool_use", "id": "a", "name": "f", "input": {}}),
    ],
)
def test_the_converter_writes_messages_tools_and_calls_too(value, sent):
    assert converter().unstructure(value) == sent


# -- open objects ---------------------------------------------------------------------

OPEN = [
    {"type": "object", "additionalProperties": {"type": "integer"}},
    {"type": "object", "properties": {"a": {"type": "object"}}},
    {"type": "array", "items": {"type": "object", "additionalProperties": True}},
]


@pytest.mark.parametrize("schema", OPEN)
def test_objects_of_any_names_are_asked_for_in_words(schema):
    """The API holds answers to closed objects only, which would have to be empty."""
    body = encode("Hi", system_message="Be terse.", response_format=schema)
    assert "output_config" not in body
    assert body["system"].startswith("Be terse.\n\nAnswer with one JSON object")
    assert json.loads(body["system"].partition("schema:\n")[2]) == schema


@pytest.mark.parametrize(
    ("part", "problem"),
    [
        (Image(data=b"\xff", media_type="text/plain"), "of type 'text/plain'"),
        (Image("data:"), "of type 'text/plain'"),
        (Image("data:image/png;base64,é"), "whose data: URL cannot be read"),
        (Document("data:text/plain,\ud800"), "whose data: URL cannot be read"),
    ],
)
def test_a_part_that_is_not_what_it_says_is_refused(part, problem):
    assert problem in refused([part])


def test_an_older_model_can_be_held_to_a_schema_by_a_tool():
    older = "claude-3-7-sonnet-latest"
    assert refused("Hi", model=older, response_format=SCHEMA) is None
