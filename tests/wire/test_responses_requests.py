"""Requests to the Responses API: what is set is sent, as the API takes it."""

from __future__ import annotations

import base64
import copy
import json
from dataclasses import dataclass
from itertools import pairwise

import msgspec
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import LLMRequest, Message, Tool
from llm_adapter._schema import JSON_INSTRUCTION
from llm_adapter._wire.kept import kept
from llm_adapter._wire.openai_responses import ResponsesDialect, converter
from llm_adapter._wire.traits import PLAIN, Traits
from llm_adapter.models import Audio, Document, Image, Text, ToolCall
from tests.wire.responses import (
    DIALECT,
    Read,
    answers,
    call,
    custom,
    decode,
    events_of,
    message,
    reasoning,
    refusal,
    written,
)


def encode(*args, stream=False, traits=PLAIN, **fields):
    """The body of a request, as it arrives at the server."""
    request = LLMRequest(*args, **{"model": "m", **fields})
    body = DIALECT.encode(request, stream=stream, traits=traits)
    return json.loads(msgspec.json.encode(body))


def encode_turns(*turns, **fields):
    """The input of a request with these turns."""
    return encode(messages=turns, **fields)["input"]


def unsupported(*args, traits=PLAIN, **fields):
    return DIALECT.unsupported(LLMRequest(*args, **fields), traits)


# -- any request ----------------------------------------------------------------------

WORDS = st.text(max_size=10) | st.sampled_from(["some JSON", "json"])
NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=10)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(0, 9) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3)
    ),
    max_leaves=6,
)
MAPPINGS = st.dictionaries(WORDS, VALUES, max_size=3)
MEDIA = st.sampled_from(["image/png", "application/pdf", "audio/wav", "x/y"])
RESULTS = st.one_of(
    st.builds(Text, WORDS),
    st.builds(Image, st.just("https://example.com/a.png"), detail=st.none() | NAMES),
    st.builds(Image, data=st.binary(), media_type=MEDIA),
    st.builds(Document, st.just("https://example.com/a"), name=st.none() | NAMES),
    st.builds(Document, data=st.binary(), media_type=MEDIA, name=st.none() | NAMES),
)
PARTS = RESULTS | st.builds(Audio, data=st.binary(), media_type=MEDIA)
CALLS = st.builds(ToolCall, NAMES, NAMES, MAPPINGS) | st.builds(
    ToolCall, NAMES, NAMES, raw_arguments=WORDS
)
TURNS = st.one_of(
    st.builds(
        Message,
        st.sampled_from(["system", "user"]),
        WORDS | st.lists(PARTS, max_size=3),
    ),
    st.builds(
        Message,
        st.just("assistant"),
        WORDS | st.lists(st.builds(Text, WORDS), max_size=3),
        tool_calls=st.lists(CALLS, max_size=2),
        reasoning=st.none() | WORDS,
    ),
    answers().map(lambda answer: DIALECT.decode(written(answer)).message),
    st.builds(
        Message,
        st.just("tool"),
        WORDS | st.lists(RESULTS, max_size=3),
        tool_call_id=NAMES | st.sampled_from(["call_0", "call_1"]),
        is_error=st.booleans(),
    ),
)
FORMATS = st.sampled_from(
    [
        {"type": "text"},
        {"type": "json_object"},
        {"type": "object", "properties": {}},
        {"type": "json_schema", "name": "n", "schema": {}, "strict": True},
    ]
)
REQUESTS = st.builds(
    LLMRequest,
    WORDS | st.lists(PARTS, max_size=3),
    system_message=st.none() | WORDS,
    messages=st.lists(TURNS, max_size=4),
    model=NAMES,
    temperature=st.none() | st.floats(0, 2),
    max_tokens=st.none() | st.integers(1, 9999),
    top_p=st.none() | st.floats(0, 1),
    reasoning_effort=st.none() | NAMES,
    response_format=st.none() | FORMATS,
    tools=st.lists(
        st.builds(Tool, NAMES, st.none() | WORDS, MAPPINGS, st.none() | st.booleans()),
        max_size=2,
    ),
    tool_choice=st.none() | NAMES | st.sampled_from(["auto", "none", "required"]),
    parallel_tool_calls=st.none() | st.booleans(),
    timeout=st.none() | st.floats(1, 99),
    extra_headers=st.dictionaries(
        st.sampled_from(["X-A", "X-B"]), st.sampled_from(["a", "b"])
    ),
    metadata=st.dictionaries(st.sampled_from(["user_id", "workflow"]), WORDS),
)
TRAITS = st.builds(Traits, schemas=st.booleans())

FIELDS = {
    "model": "model",
    "system_message": "instructions",
    "temperature": "temperature",
    "max_tokens": "max_output_tokens",
    "top_p": "top_p",
    "reasoning_effort": "reasoning",
    "response_format": "text",
    "tools": "tools",
    "tool_choice": "tool_choice",
    "parallel_tool_calls": "parallel_tool_calls",
}


@given(REQUESTS)
def test_only_what_is_set_is_sent_and_all_of_it(request):
    body = DIALECT.encode(request, stream=False)
    given = {
        sent
        for name, sent in FIELDS.items()
        if getattr(request, name) not in (None, ())
    }
    assert set(body) == given | {"input", "store"}


@given(REQUESTS)
def test_plain_values_are_sent_as_they_are(request):
    body = DIALECT.encode(request, stream=False)
    for name in ("model", "system_message", "temperature", "max_tokens", "top_p"):
        assert body.get(FIELDS[name]) == getattr(request, name)


def text_of(item):
    content = item.get("content", "")
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


PARTS_OF = {
    "user": {"input_text", "input_image", "input_file", "input_audio"},
    "system": {"input_text", "input_image", "input_file", "input_audio"},
    "developer": {"input_text"},
    "assistant": {"output_text", "refusal"},
    "result": {"input_text", "input_image", "input_file"},
}


def check_content(content, role):
    if isinstance(content, str):
        return
    for part in content:
        assert part["type"] in PARTS_OF[role]
        if part["type"] == "input_image":
            assert set(part) == {"type", "image_url", "detail"}
        if part["type"] == "input_file":
            assert ("file_url" in part) != ("file_data" in part)
            assert ("file_data" in part) == ("filename" in part)


def check_item(item):
    kind = item.get("type", "message")
    if kind == "message":
        check_content(item["content"], item["role"])
    elif kind == "function_call":
        assert all(isinstance(item[n], str) for n in ("call_id", "name", "arguments"))
    elif kind.endswith("_call_output"):
        assert isinstance(item["call_id"], str)
        check_content(item["output"], "result")
    elif kind == "reasoning":
        assert item["encrypted_content"]
    else:
        assert kind in ("custom_tool_call", "web_search_call")


@given(REQUESTS, TRAITS, st.booleans())
def test_a_body_keeps_to_the_rules_of_the_api(request, traits, stream):
    assert DIALECT.unsupported(request, traits) is None
    body = DIALECT.encode(request, stream=stream, traits=traits)
    assert body == json.loads(msgspec.json.encode(body))
    assert body["store"] is False
    for item in body["input"]:
        check_item(item)
    kinds = [*(item.get("type") for item in body["input"]), None]
    for kind, following in pairwise(kinds):
        assert kind != "reasoning" or following not in (None, "function_call_output")
    for tool in body.get("tools", []):
        assert tool["type"] == "function"
        assert isinstance(tool["strict"], bool)
    format = body.get("text", {}).get("format", {})
    if format.get("type") == "json_object":
        assert any("json" in text_of(item).lower() for item in body["input"])
    if format.get("type") == "json_schema":
        assert traits.schemas
        assert {"name", "schema", "strict"} <= set(format)


@given(REQUESTS)
def test_turns_keep_their_order_and_the_prompt_comes_last(request):
    sent = DIALECT.encode(request, stream=False)["input"]
    if sent[:1] == [{"role": "developer", "content": JSON_INSTRUCTION}]:
        del sent[0]
    expected = []
    for turn in request.messages:
        expected += encode_turns(turn)
    if request.prompt:
        expected += encode(request.prompt)["input"]
    sent = json.loads(msgspec.json.encode(sent))
    assert [each.get("role") for each in sent] == [e.get("role") for e in expected]
    assert [text_of(each) for each in sent] == [text_of(each) for each in expected]


@given(REQUESTS)
def test_the_converter_says_the_same(request):
    unstructured = converter().unstructure(request)
    assert unstructured == DIALECT.encode(request, stream=False)


@given(REQUESTS, st.booleans())
def test_a_request_is_not_changed_by_being_sent(request, stream):
    before = copy.deepcopy(request)
    body = DIALECT.encode(request, stream=stream)
    body["input"].clear()
    body.clear()
    assert request == before


@given(REQUESTS, MAPPINGS, st.booleans())
def test_extra_fields_are_merged_last(request, extra, stream):
    plain = DIALECT.encode(request, stream=stream)
    body = DIALECT.encode(evolve(request, extra_body=extra), stream=stream)
    assert body == {**plain, **extra}


@given(REQUESTS)
def test_a_stream_differs_from_a_whole_answer_in_nothing_else(request):
    body = DIALECT.encode(request, stream=True)
    assert body.pop("stream") is True
    assert body == DIALECT.encode(request, stream=False)


# -- fields ---------------------------------------------------------------------------


def test_the_least_request_asks_for_nothing_but_that_nothing_is_stored():
    assert encode("Hi") == {
        "model": "m",
        "input": [{"role": "user", "content": "Hi"}],
        "store": False,
    }


def test_the_dialect_needs_no_headers_and_never_a_stream():
    assert (DIALECT.name, DIALECT.path) == ("responses", "/responses")
    assert DIALECT.headers(LLMRequest("Hi")) == {}
    assert not DIALECT.must_stream(LLMRequest("Hi", max_tokens=10**6))


@pytest.mark.parametrize("prompt", ["", []])
def test_an_empty_prompt_behind_a_conversation_is_not_sent(prompt):
    turn = Message("user", "Hi")
    assert encode(prompt, messages=[turn])["input"] == encode_turns(turn)


def test_labels_timeout_and_headers_are_not_sent():
    body = encode("Hi", metadata={"a": 1}, timeout=5, extra_headers={"X-A": "b"})
    assert body == encode("Hi")


def test_extra_fields_may_have_the_answer_stored():
    assert encode("Hi", extra_body={"store": True})["store"] is True


def test_the_effort_of_reasoning_is_sent_in_an_object():
    assert encode("Hi", reasoning_effort="low")["reasoning"] == {"effort": "low"}


@pytest.mark.parametrize("choice", ["auto", "none", "required"])
def test_a_mode_of_tool_choice_is_sent_as_a_word(choice):
    assert encode("Hi", tool_choice=choice)["tool_choice"] == choice


def test_a_chosen_tool_is_sent_as_an_object():
    body = encode("Hi", tool_choice="f", tools=[Tool("f")])
    assert body["tool_choice"] == {"type": "function", "name": "f"}


@pytest.mark.parametrize(
    ("tool", "function"),
    [
        (
            Tool("f"),
            {
                "type": "function",
                "name": "f",
                "parameters": {"type": "object", "properties": {}},
                "strict": False,
            },
        ),
        (
            Tool("f", "", {"type": "object"}, strict=True),
            {
                "type": "function",
                "name": "f",
                "description": "",
                "parameters": {"type": "object"},
                "strict": True,
            },
        ),
    ],
)
def test_a_tool_is_flat_and_strict_only_when_asked(tool, function):
    assert encode("Hi", tools=[tool])["tools"] == [function]


# -- output formats -------------------------------------------------------------------


@dataclass
class Resume:
    name: str


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ({"type": "text"}, {"type": "text"}),
        ({"type": "json_object"}, {"type": "json_object"}),
        (
            SCHEMA,
            {
                "type": "json_schema",
                "name": "answer",
                "schema": SCHEMA,
                "strict": False,
            },
        ),
        (
            {
                "type": "json_schema",
                "json_schema": {
                    "name": "n",
                    "schema": SCHEMA,
                    "strict": True,
                    "description": "d",
                },
            },
            {
                "type": "json_schema",
                "name": "n",
                "schema": SCHEMA,
                "strict": True,
                "description": "d",
            },
        ),
    ],
)
def test_an_output_format_is_sent_flat(asked, sent):
    assert encode("Hi", response_format=asked)["text"] == {"format": sent}


def test_a_type_is_sent_as_its_schema():
    sent = encode("Hi", response_format=Resume)["text"]["format"]
    assert sent["name"] == "Resume"
    assert sent["schema"]["properties"] == {"name": {"type": "string"}}


JSON = {"response_format": {"type": "json_object"}}
ASKED = {"role": "developer", "content": JSON_INSTRUCTION}


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "Hi"},
        {"prompt": "Hi", "system_message": "Answer in JSON."},
        {"prompt": [Image("https://example.com/json.png")]},
        {"messages": [Message("tool", "json", tool_call_id="a")]},
    ],
)
def test_json_mode_is_asked_for_in_the_input_where_nothing_in_it_does(fields):
    assert encode(**fields, **JSON)["input"][0] == ASKED


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "Give me Json"},
        {"prompt": [Text("Give me"), Text(" JSON")]},
        {"prompt": "Hi", "messages": [Message("system", "as json")]},
        {"prompt": "Hi", "messages": [Message("user", "as json")]},
        {"prompt": "Hi", "messages": [Message("assistant", "as json?")]},
    ],
)
def test_json_mode_is_not_asked_for_twice(fields):
    assert ASKED not in encode(**fields, **JSON)["input"]


@pytest.mark.parametrize("asked", [None, {"type": "text"}, SCHEMA])
def test_json_is_not_asked_for_without_json_mode(asked):
    assert encode("Hi", response_format=asked)["input"] == encode("Hi")["input"]


def test_a_model_that_takes_no_schema_is_told_it_in_words():
    body = encode(
        "Hi", system_message="Be terse.", response_format=SCHEMA, traits=NO_SCHEMAS
    )
    assert body["text"] == {"format": {"type": "json_object"}}
    assert body["instructions"].startswith("Be terse.\n\nAnswer with one JSON object")
    assert json.dumps(SCHEMA, separators=(",", ":")) in body["instructions"]


NO_SCHEMAS = Traits(schemas=False)


# -- content --------------------------------------------------------------------------

DATA = base64.b64encode(b"\x00\xff").decode()
PDF = f"data:application/pdf;base64,{DATA}"


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        (Text("Hi"), {"type": "input_text", "text": "Hi"}),
        (
            Image("https://example.com/a.png"),
            {
                "type": "input_image",
                "image_url": "https://example.com/a.png",
                "detail": "auto",
            },
        ),
        (
            Image(data=b"\x00\xff", media_type="image/png", detail="low"),
            {
                "type": "input_image",
                "image_url": f"data:image/png;base64,{DATA}",
                "detail": "low",
            },
        ),
        (
            Document(data=b"\x00\xff", media_type="application/pdf", name="a.pdf"),
            {"type": "input_file", "filename": "a.pdf", "file_data": PDF},
        ),
        (
            Document(PDF),
            {"type": "input_file", "filename": "document.pdf", "file_data": PDF},
        ),
        (
            Document("https://example.com/a.pdf", name="a.pdf"),
            {"type": "input_file", "file_url": "https://example.com/a.pdf"},
        ),
        (
            Audio("data:audio/wav;base64,SGk="),
            {"type": "input_audio", "input_audio": {"data": "SGk=", "format": "wav"}},
        ),
    ],
)
def test_parts_are_sent_in_the_form_of_responses(part, sent):
    assert encode([part])["input"] == [{"role": "user", "content": [sent]}]


@pytest.mark.parametrize(
    ("media_type", "name"),
    [
        ("application/pdf", "document.pdf"),
        ("text/plain", "document.txt"),
        ("text/plain;charset=utf-8", "document.txt"),
        ("x/y", "document"),
    ],
)
def test_a_document_without_a_name_gets_one(media_type, name):
    prompt = [Document(data=b"a", media_type=media_type)]
    assert encode(prompt)["input"][0]["content"][0]["filename"] == name


@pytest.mark.parametrize(
    ("media_type", "format"),
    [
        ("audio/wav", "wav"),
        ("audio/x-wav", "wav"),
        ("audio/wave", "wav"),
        ("audio/mpeg", "mp3"),
        ("audio/flac", "flac"),
    ],
)
def test_a_recording_names_its_format(media_type, format):
    prompt = [Audio(data=b"\x00\xff", media_type=media_type)]
    (part,) = encode(prompt)["input"][0]["content"]
    assert part["input_audio"] == {"data": DATA, "format": format}


# -- what cannot be said --------------------------------------------------------------

PNG = Image(data=b"a", media_type="image/png")
WAV = Audio(data=b"a", media_type="audio/wav")


@pytest.mark.parametrize(
    ("fields", "feature"),
    [
        ({"seed": 0}, "seed (the Responses API has no such field)"),
        (
            {"stop_sequences": ["x"]},
            "stop_sequences (the Responses API has no such field)",
        ),
        (
            {"prompt": [Audio("https://example.com/a.wav")]},
            "Audio by address (pass its bytes: Audio(data=...))",
        ),
        (
            {"messages": [Message("user", [Audio("data:audio/wav,Hi")])]},
            "Audio by address (pass its bytes: Audio(data=...))",
        ),
        (
            {"messages": [Message("assistant", [Text("Hi"), PNG])]},
            "Image in a turn of the assistant",
        ),
        (
            {"messages": [Message("tool", [WAV], tool_call_id="a")]},
            "Audio in the result of a tool",
        ),
    ],
)
def test_what_the_api_cannot_say_is_named(fields, feature):
    assert unsupported(**fields) == feature


@pytest.mark.parametrize(
    "fields",
    [
        {"stop_sequences": []},
        {"prompt": [WAV, PNG, Document("https://example.com/a.pdf")]},
        {"messages": [Message("tool", [PNG], tool_call_id="a")]},
        {"messages": [Message("assistant", [Text("Hi")])]},
        {"tool_choice": "required", "temperature": 1},
    ],
)
def test_what_the_api_can_say_is_supported(fields):
    assert unsupported(**fields) is None


@pytest.mark.parametrize("choice", ["required", "f"])
@pytest.mark.parametrize(
    ("when", "effort", "can"),
    [
        ("no", None, False),
        ("no", "none", False),
        ("unless_reasoning", "low", False),
        ("unless_reasoning", "none", True),
        ("yes", "low", True),
    ],
)
def test_a_model_that_cannot_be_made_to_call_a_tool_is_not_asked_to(
    choice, when, effort, can
):
    traits = Traits(reasons="yes", forced_tools=when)
    told = unsupported(tool_choice=choice, reasoning_effort=effort, traits=traits)
    expected = f"tool_choice={choice!r} (this model cannot be made to call a tool)"
    assert told == (None if can else expected)


@pytest.mark.parametrize("choice", [None, "auto", "none"])
def test_a_model_that_cannot_be_made_to_call_a_tool_may_still_have_some(choice):
    assert unsupported(tool_choice=choice, traits=Traits(forced_tools="no")) is None


# -- turns ----------------------------------------------------------------------------


def test_a_system_turn_stays_in_its_place():
    turns = [Message("user", "a"), Message("system", "b"), Message("user", "c")]
    assert [item["role"] for item in encode_turns(*turns)] == ["user", "system", "user"]


@pytest.mark.parametrize("is_error", [False, True])
def test_the_result_of_a_tool_names_its_call(is_error):
    turn = Message("tool", "42", tool_call_id="a", is_error=is_error)
    assert encode_turns(turn) == [
        {"type": "function_call_output", "call_id": "a", "output": "42"}
    ]


def test_the_result_of_a_tool_may_hold_parts():
    turn = Message("tool", [Text("a"), PNG], tool_call_id="a")
    kinds = [part["type"] for part in encode_turns(turn)[0]["output"]]
    assert kinds == ["input_text", "input_image"]


def test_text_and_calls_of_the_assistant_are_items_of_their_own():
    calls = [ToolCall("a", "f", {"x": 1}, '{ "x":1 }'), ToolCall("b", "g")]
    assert encode_turns(Message("assistant", "Wait.", tool_calls=calls)) == [
        {"role": "assistant", "content": "Wait."},
        call("a", "f", '{ "x":1 }'),
        call("b", "g", "{}"),
    ]


def test_no_empty_text_is_sent_beside_calls():
    turn = Message("assistant", tool_calls=[ToolCall("a", "f")])
    assert encode_turns(turn) == [call("a", "f", "{}")]


def test_parts_of_the_assistants_text_are_put_together():
    turn = Message("assistant", [Text("a"), Text("b")])
    assert encode_turns(turn) == [{"role": "assistant", "content": "ab"}]


@pytest.mark.parametrize("arguments", [{}, {"x": 1}])
def test_arguments_without_the_models_text_are_written(arguments):
    turn = Message("assistant", tool_calls=[ToolCall("a", "f", arguments)])
    (sent,) = encode_turns(turn)
    assert json.loads(sent["arguments"]) == arguments


# -- what the provider wants back -----------------------------------------------------

THOUGHT = reasoning("Hm", encrypted_content="gAAA", id="rs_1")
LOST = reasoning("Hm", id="rs_1")


@pytest.mark.parametrize(
    "output",
    [
        [THOUGHT, message("Hi", id="msg_1", status="completed")],
        [THOUGHT, call(id="fc_1"), THOUGHT, call("call_2")],
        [message("Let me see.", phase="commentary"), call()],
        [{"type": "web_search_call", "action": {}}, message("Hi", "!")],
        [message(refusal("No."))],
        [{"type": "compaction", "encrypted_content": "gAAA"}, message("Hi")],
        [THOUGHT, custom()],
    ],
)
def test_items_that_cannot_be_said_in_other_words_go_back_as_they_came(output):
    assert encode_turns(decode(*output).message) == output


@given(answers())
def test_what_goes_back_says_what_came(answer):
    response = DIALECT.decode(written(answer))
    sent = encode_turns(response.message)
    words = "".join(text_of(item) for item in sent if item.get("type") != "reasoning")
    assert words == response.text
    assert [item["call_id"] for item in sent if "call_id" in item] == [
        each.id for each in response.tool_calls
    ]


@given(answers())
def test_a_streamed_answer_goes_back_like_a_whole_one(answer):
    streamed = Read(*events_of(answer)).response
    assert encode_turns(streamed.message) == encode_turns(
        DIALECT.decode(written(answer)).message
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"content": "Other words."},
        {"tool_calls": [ToolCall("call_9", "f")]},
        {"tool_calls": []},
        {"provider_items": kept("messages", "m", [THOUGHT])},
        {"provider_items": [{"dialect": "responses", "items": "none"}]},
        {"provider_items": []},
    ],
)
def test_a_turn_that_was_changed_is_sent_as_it_is_now(changes):
    answer = decode(THOUGHT, message("Hi"), call()).message
    turn = evolve(answer, **changes)
    plain = Message("assistant", turn.content, tool_calls=turn.tool_calls)
    assert encode_turns(turn) == encode_turns(plain)


def test_parts_that_say_the_same_are_no_change():
    turn = evolve(
        decode(THOUGHT, message("Hi")).message, content=[Text("H"), Text("i")]
    )
    assert encode_turns(turn) == [THOUGHT, message("Hi")]


def test_reasoning_that_the_provider_cannot_find_again_is_left_out():
    turn = decode(LOST, message("Hi"), THOUGHT, call()).message
    assert encode_turns(turn) == [message("Hi"), THOUGHT, call()]


def test_reasoning_that_the_provider_has_stored_is_sent():
    turn = decode(LOST, message("Hi")).message
    stored = {"extra_body": {"store": True}}
    assert encode_turns(turn, **stored) == [LOST, message("Hi")]


def test_reasoning_that_was_cut_before_its_answer_is_not_sent():
    turn = decode(THOUGHT, message("Hi"), THOUGHT, THOUGHT).message
    assert encode_turns(turn) == [THOUGHT, message("Hi")]


def test_a_turn_of_nothing_but_reasoning_is_not_sent():
    turn = decode(THOUGHT, status="incomplete").message
    assert encode_turns(turn, prompt="Go on.") == encode("Go on.")["input"]


def test_the_result_of_a_custom_tool_has_a_type_of_its_own():
    turns = [
        decode(THOUGHT, custom("a"), call("b")).message,
        Message("tool", "1", tool_call_id="a"),
        Message("tool", "2", tool_call_id="b"),
    ]
    assert encode_turns(*turns)[-2:] == [
        {"type": "custom_tool_call_output", "call_id": "a", "output": "1"},
        {"type": "function_call_output", "call_id": "b", "output": "2"},
    ]


# -- the converter --------------------------------------------------------------------


@given(TURNS)
def test_the_converter_writes_turns_and_calls_too(turn):
    made = converter()
    sent = DIALECT.encode(LLMRequest(messages=[turn]), stream=False)["input"]
    if turn.role != "tool":
        assert made.unstructure(turn) == sent
    for each in turn.tool_calls:
        assert made.unstructure(each)["call_id"] == each.id


def test_the_converter_writes_a_tool():
    assert converter().unstructure(Tool("f"))["type"] == "function"


def test_a_model_that_always_reasons_cannot_be_told_not_to():
    request = LLMRequest("Hi", model="m", reasoning_effort="none")
    refused = ResponsesDialect().unsupported(request, Traits(reasons="always"))
    assert refused == "reasoning_effort='none' (this model always reasons)"
    assert ResponsesDialect().unsupported(request, Traits(reasons="yes")) is None
