"""Requests of Chat Completions: only what is set is sent, and all of it."""

from __future__ import annotations

import base64
import copy
import json
from dataclasses import dataclass

import msgspec
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import LLMRequest, Message, Settings, Tool, _call
from llm_adapter._schema import JSON_INSTRUCTION
from llm_adapter._wire.openai_chat import ChatDialect, converter
from llm_adapter._wire.openai_chat_quirks import ChatQuirks
from llm_adapter._wire.traits import PLAIN, Traits
from llm_adapter.models import Audio, Document, Image, Text, ToolCall
from llm_adapter.providers import GROQ
from tests.wire.chat import DIALECT, END, Read, choice, chunk

GROQS = GROQ.dialects[0]


def encode(*args, dialect=DIALECT, stream=False, **fields):
    """The body of a request, as it arrives at the server."""
    request = LLMRequest(*args, **fields)
    return json.loads(msgspec.json.encode(dialect.encode(request, stream=stream)))


def encode_turn(*args, dialect=DIALECT, **fields):
    """One turn of a conversation in the body of a request."""
    message = Message(*args, **fields)
    return encode(messages=[message], dialect=dialect)["messages"][0]


# -- any request ----------------------------------------------------------------------

WORDS = st.text(max_size=10)
NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=10)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(0, 9) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3)
    ),
    max_leaves=6,
)
MAPPINGS = st.dictionaries(WORDS, VALUES, max_size=3)
MEDIA = st.sampled_from(["image/png", "application/pdf", "audio/wav", "audio/mpeg"])
PARTS = st.one_of(
    st.builds(Text, WORDS),
    st.builds(Image, st.just("https://example.com/a.png"), detail=st.none() | NAMES),
    *(
        st.builds(kind, data=st.binary(), media_type=MEDIA)
        for kind in (Image, Document, Audio)
    ),
)
CONTENTS = WORDS | st.lists(PARTS, max_size=3)
CALLS = st.builds(ToolCall, NAMES, NAMES, MAPPINGS) | st.builds(
    ToolCall, NAMES, NAMES, raw_arguments=WORDS
)
TURNS = st.one_of(
    st.builds(Message, st.sampled_from(["system", "user"]), CONTENTS),
    st.builds(
        Message,
        st.just("assistant"),
        CONTENTS,
        tool_calls=st.lists(CALLS, max_size=2),
        reasoning=st.none() | WORDS,
    ),
    st.builds(Message, st.just("tool"), WORDS, tool_call_id=NAMES),
)
FORMATS = st.sampled_from([{"type": "text"}, {"type": "object", "properties": {}}])
REQUESTS = st.builds(
    LLMRequest,
    CONTENTS,
    system_message=st.none() | WORDS,
    messages=st.lists(TURNS, max_size=4),
    model=st.none() | NAMES,
    temperature=st.none() | st.floats(0, 2),
    max_tokens=st.none() | st.integers(1, 9999),
    top_p=st.none() | st.floats(0, 1),
    seed=st.none() | st.integers(),
    stop_sequences=st.none() | st.lists(WORDS, max_size=3),
    reasoning_effort=st.none() | NAMES,
    response_format=st.none() | FORMATS,
    tools=st.lists(st.builds(Tool, NAMES, st.none() | WORDS, MAPPINGS), max_size=2),
    tool_choice=st.none() | NAMES,
    parallel_tool_calls=st.none() | st.booleans(),
    timeout=st.none() | st.floats(1, 99),
    extra_headers=st.dictionaries(
        st.sampled_from(["X-A", "X-B"]), st.sampled_from(["a", "b"])
    ),
    metadata=st.dictionaries(st.sampled_from(["user_id", "workflow"]), WORDS),
)
DIALECTS = st.sampled_from([DIALECT, GROQS])

FIELDS = {
    "model": "model",
    "temperature": "temperature",
    "max_tokens": "max_completion_tokens",
    "top_p": "top_p",
    "seed": "seed",
    "stop_sequences": "stop",
    "reasoning_effort": "reasoning_effort",
    "response_format": "response_format",
    "tools": "tools",
    "tool_choice": "tool_choice",
    "parallel_tool_calls": "parallel_tool_calls",
}


@given(REQUESTS, DIALECTS)
def test_only_what_is_set_is_sent_and_all_of_it(request, dialect):
    body = dialect.encode(request, stream=False)
    given = {
        sent
        for name, sent in FIELDS.items()
        if getattr(request, name) not in (None, ())
    }
    assert set(body) == given | {"messages"}


@given(REQUESTS, DIALECTS)
def test_plain_values_are_sent_as_they_are(request, dialect):
    body = dialect.encode(request, stream=False)
    for name in ("model", "temperature", "max_tokens", "top_p", "seed"):
        assert body.get(FIELDS[name]) == getattr(request, name)


@given(REQUESTS, DIALECTS)
def test_the_system_message_comes_first_and_the_prompt_last(request, dialect):
    sent = dialect.encode(request, stream=False)["messages"]
    roles = [turn.role for turn in request.messages]
    if request.system_message is not None:
        roles.insert(0, "system")
        assert sent[0] == {"role": "system", "content": request.system_message}
    if request.prompt:
        roles.append("user")
    assert [each["role"] for each in sent] == roles


@given(REQUESTS, DIALECTS, st.booleans())
def test_a_body_is_always_valid_json(request, dialect, stream):
    body = dialect.encode(request, stream=stream)
    assert json.loads(msgspec.json.encode(body)) == json.loads(json.dumps(body))


@given(REQUESTS, DIALECTS)
def test_the_converter_says_the_same(request, dialect):
    unstructured = converter(dialect.quirks).unstructure(request)
    assert unstructured == dialect.encode(request, stream=False)


@given(REQUESTS, DIALECTS, st.booleans())
def test_a_request_is_not_changed_by_being_sent(request, dialect, stream):
    before = copy.deepcopy(request)
    dialect.encode(request, stream=stream).clear()
    assert request == before


@given(REQUESTS, MAPPINGS, DIALECTS, st.booleans())
def test_extra_fields_are_merged_last(request, extra, dialect, stream):
    plain = dialect.encode(request, stream=stream)
    body = dialect.encode(evolve(request, extra_body=extra), stream=stream)
    assert body == {**plain, **extra}


@given(REQUESTS, DIALECTS)
def test_a_stream_differs_from_a_whole_answer_in_nothing_else(request, dialect):
    body = dialect.encode(request, stream=True)
    assert body.pop("stream") is True
    asked = body.pop("stream_options", None)
    assert asked == (None if dialect is GROQS else {"include_usage": True})
    assert body == dialect.encode(request, stream=False)


# -- fields ---------------------------------------------------------------------------


def test_the_least_request_says_the_least():
    assert encode("Hi") == {"messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize("prompt", ["", []])
def test_an_empty_prompt_behind_a_conversation_is_not_sent(prompt):
    body = encode(prompt, messages=[Message("user", "Hi")])
    assert body["messages"] == [{"role": "user", "content": "Hi"}]


def test_labels_timeout_and_headers_are_not_sent():
    body = encode("Hi", metadata={"a": 1}, timeout=5, extra_headers={"X-A": "b"})
    assert set(body) == {"messages"}


def test_a_server_may_know_the_token_limit_by_its_old_name():
    old = ChatDialect(ChatQuirks(max_tokens_field="max_tokens"))
    assert encode("Hi", max_tokens=5, dialect=old)["max_tokens"] == 5


def test_extra_fields_may_change_what_a_stream_asks_for():
    options = {"stream_options": {"include_usage": False}}
    body = encode("Hi", stream=True, extra_body=options)
    assert body["stream_options"] == {"include_usage": False}


@pytest.mark.parametrize("choice", ["auto", "none", "required"])
def test_a_mode_of_tool_choice_is_sent_as_a_word(choice):
    assert encode("Hi", tool_choice=choice)["tool_choice"] == choice


def test_a_chosen_tool_is_sent_as_an_object():
    body = encode("Hi", tool_choice="f", tools=[Tool("f")])
    assert body["tool_choice"] == {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    ("tool", "function"),
    [
        (
            Tool("f"),
            {"name": "f", "parameters": {"type": "object", "properties": {}}},
        ),
        (
            Tool("f", "does f", {"type": "object"}, strict=True),
            {
                "name": "f",
                "description": "does f",
                "parameters": {"type": "object"},
                "strict": True,
            },
        ),
        (
            Tool("f", "", {"a": 1}, strict=False),
            {"name": "f", "description": "", "parameters": {"a": 1}, "strict": False},
        ),
    ],
)
def test_a_tool_is_a_function_with_a_schema(tool, function):
    assert encode("Hi", tools=[tool])["tools"] == [
        {"type": "function", "function": function}
    ]


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
                "json_schema": {"name": "answer", "schema": SCHEMA},
            },
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
            {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
        ),
        (
            {
                "type": "json_schema",
                "name": "n",
                "schema": SCHEMA,
                "strict": True,
                "description": "d",
            },
            {
                "type": "json_schema",
                "json_schema": {
                    "name": "n",
                    "schema": SCHEMA,
                    "strict": True,
                    "description": "d",
                },
            },
        ),
    ],
)
def test_an_output_format_is_sent_in_the_form_of_chat(asked, sent):
    assert encode("Hi", response_format=asked)["response_format"] == sent


JSON = {"type": "json_object"}


@pytest.mark.parametrize("where", ["prompt", "system_message", "messages"])
def test_json_that_is_asked_for_in_words_is_asked_for_once(where):
    said = [Message("user", "In json!")] if where == "messages" else "In json!"
    body = encode(**{"prompt": "Hi", where: said}, response_format=JSON)
    plain = encode(**{"prompt": "Hi", where: said})
    assert body == {**plain, "response_format": JSON}


def test_json_that_is_asked_for_among_other_parts_is_asked_for():
    body = encode(["As JSON:", PICTURE], response_format=JSON)
    assert [turn["role"] for turn in body["messages"]] == ["user"]


@pytest.mark.parametrize(
    ("quirks", "formats"),
    [
        (ChatQuirks(), {"json_object", "json_schema"}),
        (ChatQuirks(json_mode=False), {"json_schema"}),
        (ChatQuirks(schemas=False), {"json_object"}),
        (ChatQuirks(json_mode=False, schemas=False), set()),
    ],
)
def test_a_dialect_names_the_formats_that_it_has_a_field_for(quirks, formats):
    assert ChatDialect(quirks).formats == formats


@pytest.mark.parametrize(
    "messages", [[], [Message("user", "Hi"), Message("tool", "json", tool_call_id="a")]]
)
def test_json_mode_is_asked_for_in_words_too_where_nobody_did(messages):
    """Servers refuse it otherwise."""
    body = encode("Hi", messages=messages, response_format=JSON, system_message="x")
    assert body["response_format"] == JSON
    assert body["messages"][0]["content"] == f"x\n\n{JSON_INSTRUCTION}"


def test_a_server_without_json_mode_is_told_in_words_alone():
    dialect = ChatDialect(ChatQuirks(json_mode=False))
    body = encode("As json!", response_format=JSON, dialect=dialect)
    assert "response_format" not in body
    assert body["messages"][0] == {"role": "system", "content": JSON_INSTRUCTION}


@pytest.mark.parametrize(
    ("quirks", "traits"),
    [(ChatQuirks(schemas=False), PLAIN), (ChatQuirks(), Traits(schemas=False))],
)
def test_a_schema_is_told_in_words_where_server_or_model_take_none(quirks, traits):
    request = LLMRequest("Hi", response_format=SCHEMA)
    body = ChatDialect(quirks).encode(request, stream=False, traits=traits)
    assert body["response_format"] == JSON
    assert json.dumps(SCHEMA, separators=(",", ":")) in body["messages"][0]["content"]


def test_a_type_is_sent_as_its_schema():
    sent = encode("Hi", response_format=Resume)["response_format"]["json_schema"]
    assert sent["name"] == "Resume"
    assert sent["schema"]["properties"] == {"name": {"type": "string"}}


# -- content --------------------------------------------------------------------------

PICTURE = Image("https://example.com/a.png")
DATA = base64.b64encode(b"\x00\xff").decode()


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        (Text("Hi"), {"type": "text", "text": "Hi"}),
        (
            Image("https://example.com/a.png"),
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        ),
        (
            Image(data=b"\x00\xff", media_type="image/png", detail="low"),
            {
                "type": "image_url",
                "image_url": {"url": f"data:image/png;base64,{DATA}", "detail": "low"},
            },
        ),
        (
            Document(data=b"\x00\xff", media_type="application/pdf", name="a.pdf"),
            {
                "type": "file",
                "file": {
                    "file_data": f"data:application/pdf;base64,{DATA}",
                    "filename": "a.pdf",
                },
            },
        ),
        (
            Document("data:text/plain;base64,SGk="),
            {"type": "file", "file": {"file_data": "data:text/plain;base64,SGk="}},
        ),
        (
            Audio("data:audio/wav;base64,SGk="),
            {"type": "input_audio", "input_audio": {"data": "SGk=", "format": "wav"}},
        ),
    ],
)
def test_parts_are_sent_in_the_form_of_chat(part, sent):
    assert encode([part])["messages"][0]["content"] == [sent]


@pytest.mark.parametrize(
    ("media_type", "format"),
    [
        ("audio/wav", "wav"),
        ("audio/x-wav", "wav"),
        ("audio/wave", "wav"),
        ("audio/mpeg", "mp3"),
        ("audio/mp3", "mp3"),
        ("audio/flac", "flac"),
    ],
)
def test_a_recording_names_its_format(media_type, format):
    (part,) = encode([Audio(data=b"\x00\xff", media_type=media_type)])["messages"][0][
        "content"
    ]
    assert part["input_audio"] == {"data": DATA, "format": format}


@pytest.mark.parametrize("kind", [Document, Audio])
@pytest.mark.parametrize("url", ["https://example.com/a", "data:text/plain,Hi"])
@pytest.mark.parametrize("place", ["prompt", "messages"])
def test_what_can_only_be_sent_as_bytes_is_refused_by_address(kind, url, place):
    request = {
        "prompt": LLMRequest([kind(url)]),
        "messages": LLMRequest("Hi", messages=[Message("user", ["Hm", kind(url)])]),
    }[place]
    assert DIALECT.unsupported(request, PLAIN) == (
        f"{kind.__name__} by address (pass its bytes: {kind.__name__}(data=...))"
    )


@pytest.mark.parametrize(
    "part",
    [
        Image("https://example.com/a.png"),
        Document("data:text/plain;base64,SGk="),
        Document(data=b"Hi", media_type="text/plain"),
        Audio(data=b"Hi", media_type="audio/wav"),
    ],
)
def test_bytes_and_addresses_of_pictures_can_be_sent(part):
    assert DIALECT.unsupported(LLMRequest([part]), PLAIN) is None


# -- what cannot be said --------------------------------------------------------------

TOOLS = [Tool("f")]


def refused(prompt="Hi", *, quirks=None, traits=PLAIN, **fields):
    """What of a request a dialect with these quirks says that it cannot say."""
    dialect = ChatDialect(quirks or ChatQuirks())
    return dialect.unsupported(LLMRequest(prompt, **fields), traits)


def test_a_plain_request_can_be_said_whatever_is_set():
    fields = {"seed": 1, "stop_sequences": ["x"], "tools": TOOLS, "tool_choice": "f"}
    assert refused(**fields, reasoning_effort="none", messages=[ENDED]) is None


LACKING = ChatQuirks(lacks=frozenset({"seed", "stop_sequences", "tools"}))


@pytest.mark.parametrize(
    ("fields", "feature"),
    [
        ({"seed": 0}, "seed"),
        ({"stop_sequences": ["x"], "seed": 1}, "seed"),
        ({"stop_sequences": ["x"]}, "stop_sequences"),
        ({"tools": TOOLS, "stop_sequences": ["x"]}, "stop_sequences"),
        ({"tools": TOOLS}, "tools"),
    ],
)
def test_a_field_that_the_server_lacks_is_named(fields, feature):
    said = f"{feature} (this API has no such field)"
    assert refused(quirks=LACKING, **fields) == said


@pytest.mark.parametrize("fields", [{}, {"stop_sequences": []}, {"tools": []}])
def test_a_field_that_is_not_set_is_not_lacking(fields):
    assert refused(quirks=LACKING, **fields) is None


@pytest.mark.parametrize(
    ("chat", "fields", "begin"),
    [
        ("no", {}, "chat "),
        ("without_tools", {"tools": TOOLS}, "tools "),
        ("without_tools", {"tools": TOOLS, "reasoning_effort": "none"}, "tools "),
        ("tools_unless_reasoning", {"tools": TOOLS}, "tools "),
        (
            "tools_unless_reasoning",
            {"tools": TOOLS, "reasoning_effort": "low"},
            "tools ",
        ),
    ],
)
def test_what_a_model_does_on_responses_only_is_named(chat, fields, begin):
    traits = Traits(reasons="yes", chat=chat)
    assert refused(traits=traits, **fields).startswith(begin)


@pytest.mark.parametrize(
    ("chat", "fields"),
    [
        ("without_tools", {}),
        ("tools_unless_reasoning", {}),
        ("tools_unless_reasoning", {"tools": TOOLS, "reasoning_effort": "none"}),
    ],
)
def test_what_a_model_does_on_chat_too_is_sent(chat, fields):
    assert refused(traits=Traits(reasons="yes", chat=chat), **fields) is None


@pytest.mark.parametrize(
    ("traits", "effort", "is_refused"),
    [
        (Traits(forced_tools="no"), None, True),
        (Traits(forced_tools="no"), "none", True),
        (Traits(forced_tools="unless_reasoning"), None, False),
        (Traits(forced_tools="unless_reasoning"), "low", True),
        (Traits(forced_tools="unless_reasoning", reasons="yes"), None, False),
        (Traits(forced_tools="unless_reasoning", reasons="yes"), "none", False),
        (Traits(forced_tools="unless_reasoning", reasons="yes"), "low", True),
        (Traits(forced_tools="unless_reasoning", reasons="always"), None, True),
        (Traits(reasons="always"), None, False),
    ],
)
@pytest.mark.parametrize("choice", ["f", "required"])
def test_a_tool_that_a_model_cannot_be_made_to_call_is_named(
    traits, effort, is_refused, choice
):
    fields = {"tools": TOOLS, "tool_choice": choice, "reasoning_effort": effort}
    said = f"tool_choice={choice!r} (this model cannot be made to call a tool)"
    assert refused(traits=traits, **fields) == (said if is_refused else None)


@pytest.mark.parametrize("choice", [None, "auto", "none"])
def test_a_tool_that_may_be_called_or_not_can_always_be_offered(choice):
    traits = Traits(forced_tools="no")
    assert refused(traits=traits, tools=TOOLS, tool_choice=choice) is None


@pytest.mark.parametrize(("reasons", "sent"), [("yes", "none"), ("no", None)])
def test_what_reasons_by_itself_stops_so_that_a_tool_can_be_forced(reasons, sent):
    traits = Traits(reasons=reasons, forced_tools="unless_reasoning")
    request = LLMRequest("Hi", tools=TOOLS, tool_choice="f")
    body = DIALECT.encode(request, stream=False, traits=traits)
    assert body.get("reasoning_effort") == sent


@pytest.mark.parametrize("choice", [None, "auto", "none"])
def test_what_reasons_by_itself_goes_on_where_no_tool_is_forced(choice):
    traits = Traits(reasons="yes", forced_tools="unless_reasoning")
    request = LLMRequest("Hi", tools=TOOLS, tool_choice=choice)
    body = DIALECT.encode(request, stream=False, traits=traits)
    assert "reasoning_effort" not in body


def test_a_model_that_always_reasons_cannot_be_told_not_to():
    said = refused(traits=Traits(reasons="always"), reasoning_effort="none")
    assert said == "reasoning_effort='none' (this model always reasons)"


ENDED = Message("assistant", "So:")


@pytest.mark.parametrize(
    ("prompt", "messages", "is_refused"),
    [
        ("", [Message("user", "Hi"), ENDED], True),
        ("Hi", [ENDED], False),
        ("", [ENDED, Message("user", "Hi")], False),
        ("Hi", [], False),
    ],
)
def test_a_conversation_that_ends_with_the_assistant_is_refused_where_it_must_not(
    prompt, messages, is_refused
):
    said = refused(prompt, traits=Traits(prefill=False), messages=messages)
    assert (said or "").startswith("messages") is is_refused
    assert refused(prompt, messages=messages) is None


@pytest.mark.parametrize(
    ("content", "is_rich"), [("42", False), (["4", "2"], False), (["4", PICTURE], True)]
)
def test_a_result_with_more_than_text_is_refused_where_the_server_takes_none(
    content, is_rich
):
    result = Message("tool", content, tool_call_id="a")
    said = refused(messages=[result], quirks=ChatQuirks(result_parts=False))
    known = "messages with a tool's result that is more than text"
    assert said == (known if is_rich else None)
    assert refused(messages=[result]) is None


def test_what_the_user_shows_is_no_result():
    shown = Message("user", ["Who?", PICTURE])
    assert refused(messages=[shown], quirks=ChatQuirks(result_parts=False)) is None


# -- turns ----------------------------------------------------------------------------


def test_the_result_of_a_tool_names_its_call():
    turn = encode_turn("tool", "42", tool_call_id="a", is_error=True)
    assert turn == {"role": "tool", "content": "42", "tool_call_id": "a"}


def test_arguments_go_back_as_the_model_wrote_them():
    call = ToolCall("a", "f", {"x": 1}, '{ "x":1 }')
    turn = encode_turn("assistant", tool_calls=[call])
    assert turn == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "a",
                "type": "function",
                "function": {"name": "f", "arguments": '{ "x":1 }'},
            }
        ],
    }


@pytest.mark.parametrize("arguments", [{}, {"x": 1}])
def test_arguments_without_the_models_text_are_written(arguments):
    turn = encode_turn("assistant", tool_calls=[ToolCall("a", "f", arguments)])
    (call,) = turn["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == arguments


def test_text_beside_tool_calls_is_sent():
    turn = encode_turn("assistant", "Wait.", tool_calls=[ToolCall("a", "f")])
    assert turn["content"] == "Wait."


@pytest.mark.parametrize(("dialect", "is_sent"), [(DIALECT, False), (GROQS, True)])
def test_reasoning_goes_back_where_the_provider_takes_it(dialect, is_sent):
    turn = encode_turn("assistant", "Hi", reasoning="Hm", dialect=dialect)
    assert turn.get("reasoning") == ("Hm" if is_sent else None)


CIRCLE = {}
CIRCLE["again"] = CIRCLE


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(CIRCLE, "in a circle"), ({"x": "\ud800"}, "not valid Unicode")],
)
def test_arguments_that_json_cannot_hold_are_named_before_anything_is_sent(
    arguments, message
):
    client = _call.client(
        GROQ,
        Settings(groq_api_key="k"),
        api_key=None,
        base_url=None,
        model=None,
        timeout=None,
        max_retries=None,
    )
    turn = Message("assistant", tool_calls=[ToolCall("a", "f", arguments)])
    with pytest.raises(ValueError, match=message):
        _call.prepare(client, LLMRequest("Hi", messages=[turn]))


# -- round trips ----------------------------------------------------------------------

ARGUMENTS = WORDS | MAPPINGS.map(json.dumps)
ANSWERS = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": WORDS},
    optional={
        "reasoning": st.text(min_size=1, max_size=10),
        "tool_calls": st.lists(
            st.fixed_dictionaries(
                {
                    "id": NAMES,
                    "type": st.just("function"),
                    "function": st.fixed_dictionaries(
                        {"name": NAMES, "arguments": ARGUMENTS.filter(bool)}
                    ),
                }
            ),
            min_size=1,
            max_size=3,
        ),
    },
)


def sent_back(message):
    """How the server's own message looks when it comes back."""
    return (
        {**message, "content": message["content"] or None}
        if "tool_calls" in message
        else message
    )


@given(ANSWERS)
def test_an_answer_goes_back_as_it_came(message):
    response = GROQS.decode(choice(message))
    request = LLMRequest("", messages=[response.message])
    assert GROQS.encode(request, stream=False)["messages"] == [sent_back(message)]


@given(ANSWERS)
def test_a_streamed_answer_goes_back_as_it_came(message):
    calls = message.get("tool_calls", [])
    numbered = [{"index": index, **call} for index, call in enumerate(calls)]
    delta = chunk({**message, "tool_calls": numbered})
    request = LLMRequest("", messages=[Read(delta, END).response.message])
    assert GROQS.encode(request, stream=False)["messages"] == [sent_back(message)]


@given(TURNS)
def test_the_converter_writes_turns_tools_and_calls_too(turn):
    made = converter(GROQS.quirks)
    (sent,) = GROQS.encode(LLMRequest("", messages=[turn]), stream=False)["messages"]
    assert made.unstructure(turn) == sent
    assert [made.unstructure(call) for call in turn.tool_calls] == sent.get(
        "tool_calls", []
    )


def test_the_converter_writes_a_tool():
    assert converter(GROQS.quirks).unstructure(Tool("f"))["type"] == "function"
