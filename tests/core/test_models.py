from __future__ import annotations

import copy
import pickle
import re

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import (
    Audio,
    Document,
    Image,
    LLMRequest,
    LLMResponse,
    Message,
    ReasoningDelta,
    StreamEnd,
    Text,
    TextDelta,
    Timeout,
    Tool,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from llm_adapter.models import RequestOverrides, as_request
from tests.core import values

NAN, INFINITY = float("nan"), float("inf")
HUGE = 10**400
SECRET = "sk-hidden-91"


def exactly(message):
    return f"^{re.escape(message)}$"


# -- what a request refuses -----------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"prompt": 5},
            "prompt or content must be a string or a sequence of parts, not int (5)",
        ),
        (
            {"prompt": b"Hi"},
            "prompt or content must be a string or a sequence of parts, "
            "not bytes (b'Hi')",
        ),
        (
            {"prompt": {"text": "Hi"}},
            "prompt or content must be a string or a sequence of parts, "
            "not dict ({'text': 'Hi'})",
        ),
        (
            {"prompt": ["Hi", 5]},
            "each part must be Text, Image, Document or Audio, not int (5)",
        ),
        ({"system_message": 5}, "system_message must be a string or None, not int (5)"),
        (
            {"messages": "Hi"},
            "messages must be a sequence of Message, not str ('Hi')",
        ),
        (
            {"messages": 5},
            "messages must be a sequence of Message, not int (5)",
        ),
        (
            {"messages": ["Hi"]},
            "each of messages must be a Message or a mapping of its fields, "
            "not str ('Hi')",
        ),
        ({"model": 5}, "model must be a string or None, not int (5)"),
        (
            {"temperature": "warm"},
            "temperature must be a number or None, not str ('warm')",
        ),
        (
            {"temperature": True},
            "temperature must be a number or None, not bool (True)",
        ),
        ({"max_tokens": 1.5}, "max_tokens must be an integer or None, not float (1.5)"),
        (
            {"max_tokens": True},
            "max_tokens must be an integer or None, not bool (True)",
        ),
        ({"top_p": "1"}, "top_p must be a number or None, not str ('1')"),
        ({"seed": 1.0}, "seed must be an integer or None, not float (1.0)"),
        ({"seed": False}, "seed must be an integer or None, not bool (False)"),
        (
            {"stop_sequences": "END"},
            "stop_sequences must be a sequence of strings, not str ('END')",
        ),
        (
            {"stop_sequences": ["END", 5]},
            "each of stop_sequences must be a string, not int (5)",
        ),
        (
            {"reasoning_effort": 1},
            "reasoning_effort must be a string or None, not int (1)",
        ),
        (
            {"response_format": "json"},
            "response_format must be a mapping, a type or None, not str ('json')",
        ),
        ({"tools": Tool("f")}, "tools must be a sequence of Tool, not Tool (Tool("),
        (
            {"tools": [{"name": "f"}]},
            "each of tools must be a Tool, not dict ({'name': 'f'})",
        ),
        ({"tool_choice": {}}, "tool_choice must be a string or None, not dict ({})"),
        (
            {"parallel_tool_calls": "yes"},
            "parallel_tool_calls must be True, False or None, not str ('yes')",
        ),
        (
            {"timeout": "1"},
            "timeout must be a number of seconds or None, not str ('1')",
        ),
        (
            {"timeout": True},
            "timeout must be a number of seconds or None, not bool (True)",
        ),
        ({"extra_body": [1]}, "extra_body must be a mapping, not list ([1])"),
        ({"extra_headers": None}, "extra_headers must be a mapping, not NoneType"),
        (
            {"extra_headers": {"X": 5}},
            "extra_headers must map strings to strings, not str to int",
        ),
        (
            {"extra_headers": {b"X": "5"}},
            "extra_headers must map strings to strings, not bytes to str",
        ),
        ({"metadata": "x"}, "metadata must be a mapping, not str ('x')"),
    ],
)
def test_wrong_type_names_field_and_value(fields, message):
    with pytest.raises(TypeError, match=f"^{re.escape(message)}"):
        LLMRequest(**fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        *(
            (
                {"model": name},
                f"model is {name!r}: a model name is printable text, "
                "for example 'openai/gpt-oss-120b'",
            )
            for name in ("", "  ", "gpt\n4", "a\x00", "\N{NO-BREAK SPACE}m", "\ud800")
        ),
        *(
            (
                {"temperature": value},
                f"temperature is {value}: use a finite number >= 0",
            )
            for value in (-0.1, NAN, INFINITY, -INFINITY, -1)
        ),
        ({"top_p": NAN}, "top_p is nan: use a finite number >= 0"),
        *(
            ({"max_tokens": value}, f"max_tokens is {value}: use a whole number >= 1")
            for value in (0, -5)
        ),
        *(
            (
                {"timeout": value},
                f"timeout is {value}: use a finite number of seconds > 0",
            )
            for value in (0, 0.0, -1, -0.5, NAN, INFINITY, -INFINITY)
        ),
        (
            {"extra_headers": {"X-A: b": "c"}},
            "extra_headers has 'X-A: b': not an HTTP header name",
        ),
        (
            {"extra_headers": {"": "c"}},
            "extra_headers has '': not an HTTP header name",
        ),
        *(
            (
                {"extra_headers": {"X-A": content}},
                "extra_headers['X-A'] holds a control or non-ASCII character, "
                "which an HTTP header cannot carry",
            )
            for content in ("a\nb", "a\r\nX-B: c", "\x00", "é")
        ),
    ],
)
def test_bad_value_names_field_value_and_what_is_allowed(fields, message):
    with pytest.raises(ValueError, match=exactly(message)):
        LLMRequest(**fields)


@pytest.mark.parametrize("name", ["temperature", "top_p", "timeout"])
def test_integer_beyond_floats_is_not_finite(name):
    with pytest.raises(ValueError, match=rf"^{name} is 1000000"):
        LLMRequest(**{name: HUGE})


@pytest.mark.parametrize("name", ["prompt", "model", "system_message"])
def test_value_that_python_refuses_to_print_is_a_type_error_all_the_same(name):
    with pytest.raises(TypeError, match=r"not int \(\.\.\.\)$"):
        LLMRequest(**{name: 10**5000})


@pytest.mark.parametrize("name", [field.name for field in attrs.fields(Timeout)])
def test_each_limit_of_a_timeout_is_checked(name):
    with pytest.raises(
        ValueError, match=exactly(f"{name} is 0: use a finite number of seconds > 0")
    ):
        Timeout(**{name: 0})
    with pytest.raises(
        TypeError,
        match=exactly(f"{name} must be a number of seconds or None, not str ('1')"),
    ):
        Timeout(**{name: "1"})


@pytest.mark.parametrize(
    "model", ["openai/gpt-oss-120b", "a b", "./local.gguf", "модель"]
)
def test_model_names_may_hold_slashes_blanks_and_letters_of_any_script(model):
    assert LLMRequest(model=model).model == model


anything = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(HUGE)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.lists(st.integers() | st.text(max_size=3), max_size=2)
    | st.dictionaries(st.text(max_size=5) | st.integers(), st.text(max_size=3))
    | st.just(object())
)


@given(st.sampled_from([None, *values.request_fields]), anything)
def test_arbitrary_values_are_taken_or_refused_by_name(name, value):
    named = name or "prompt"
    try:
        request = LLMRequest(**{named: value})
    except (TypeError, ValueError) as error:
        words = ("message", "part") if named in ("messages", "prompt") else (named,)
        assert any(word in str(error) for word in words)
    else:
        assert LLMRequest(**{named: getattr(request, named)}) == request


@pytest.mark.parametrize(
    ("kind", "positional"),
    [
        (LLMRequest, ["prompt"]),
        (Message, ["role", "content"]),
        (Text, ["text"]),
        (Image, ["url"]),
        (Document, ["url"]),
        (Audio, ["url"]),
        (Tool, ["name", "description", "parameters", "strict"]),
        (ToolCall, ["id", "name", "arguments", "raw_arguments", "invalid"]),
        (Timeout, []),
        (Usage, []),
        (LLMResponse, ["text", "model"]),
    ],
)
def test_only_the_first_fields_may_be_given_by_position(kind, positional):
    fields = [field.name for field in attrs.fields(kind) if not field.kw_only]
    assert fields == positional


def test_what_nobody_says_is_not_so():
    assert Message("user").is_error is False
    assert ToolCall("1", "f").invalid is False
    assert LLMResponse().cached is False
    assert LLMResponse().attempts == 1
    nothing = {**dict.fromkeys(values.request_fields), "prompt": ""}
    nothing |= dict.fromkeys(("messages", "tools"), ())
    nothing |= {name: {} for name in ("extra_body", "extra_headers", "metadata")}
    assert attrs.asdict(LLMRequest()) == nothing


@values.few
@given(values.contents, values.overrides)
def test_request_keeps_what_it_is_given(prompt, fields):
    request = LLMRequest(prompt, **fields)
    for name, value in {"prompt": prompt, **fields}.items():
        kept = tuple(value) if isinstance(value, list) else value
        assert getattr(request, name) == kept


# -- messages, parts, tools -----------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (
            lambda: Message("robot"),
            ValueError,
            "role is 'robot': use one of system, user, assistant, tool",
        ),
        (
            lambda: Message(None),
            TypeError,
            "role must be a string, not NoneType (None)",
        ),
        (
            lambda: Message("tool", "42"),
            ValueError,
            "tool_call_id belongs to role 'tool', which needs it",
        ),
        (
            lambda: Message("tool", "42", tool_call_id=""),
            ValueError,
            "tool_call_id belongs to role 'tool', which needs it",
        ),
        (
            lambda: Message("user", "42", tool_call_id="call_1"),
            ValueError,
            "tool_call_id belongs to role 'tool', which needs it",
        ),
        (
            lambda: Message("user", None),
            TypeError,
            "prompt or content must be a string or a sequence of parts, "
            "not NoneType (None)",
        ),
        (
            lambda: Message("assistant", tool_calls=[{"id": "1"}]),
            TypeError,
            "each of tool_calls must be ToolCall, not dict ({'id': '1'})",
        ),
        (
            lambda: Message("tool", tool_call_id="1", is_error=1),
            TypeError,
            "is_error must be True or False, not int (1)",
        ),
        (
            lambda: Message("assistant", reasoning=5),
            TypeError,
            "reasoning must be a string or None, not int (5)",
        ),
        (
            lambda: Message("assistant", provider_items=["x"]),
            TypeError,
            "each of provider_items must be a mapping, not str ('x')",
        ),
        (lambda: Text(None), TypeError, "text must be a string, not NoneType (None)"),
        (lambda: Image(), ValueError, "Image needs either url= or data="),
        (lambda: Image(""), ValueError, "Image needs either url= or data="),
        (
            lambda: Document("https://x", data=b"y", media_type="a/b"),
            ValueError,
            "Document needs either url= or data=",
        ),
        (
            lambda: Audio(data=b"y"),
            ValueError,
            "Audio(data=...) needs media_type=, for example 'audio/wav'",
        ),
        (
            lambda: Image(data="y", media_type="image/png"),
            TypeError,
            "data must be bytes, not str ('y')",
        ),
        (lambda: Image(5), TypeError, "url must be a string or None, not int (5)"),
        (
            lambda: Image("https://x", detail=1),
            TypeError,
            "detail must be a string or None, not int (1)",
        ),
        (lambda: Tool(None), TypeError, "name must be a string, not NoneType (None)"),
        (
            lambda: Tool("f", parameters="{}"),
            TypeError,
            "parameters must be a mapping, not str ('{}')",
        ),
        (
            lambda: Tool("f", strict="yes"),
            TypeError,
            "strict must be True, False or None, not str ('yes')",
        ),
        (lambda: ToolCall(1, "f"), TypeError, "id must be a string, not int (1)"),
        (
            lambda: ToolCall("1", "f", "{}"),
            TypeError,
            "arguments must be a mapping, not str ('{}')",
        ),
    ],
)
def test_bad_part_of_a_conversation_says_what_is_wrong(build, error, message):
    with pytest.raises(error, match=exactly(message)):
        build()


def test_messages_may_be_mappings_of_their_fields():
    request = LLMRequest(messages=[{"role": "user", "content": "Hi"}])
    assert request.messages == (Message("user", "Hi"),)


@pytest.mark.parametrize(
    ("fields", "given_keys"),
    [
        ({"role": "user", "name": "Bob"}, "role, name"),
        ({"content": "Hi"}, "content"),
        ({}, "none"),
        ({1: 2}, "1"),
    ],
)
def test_mapping_that_is_no_message_names_its_keys_and_the_known_ones(
    fields, given_keys
):
    expected = (
        f"a message given as a mapping has the keys {given_keys}: it needs role and "
        "may have content, tool_calls, tool_call_id, is_error, reasoning, "
        "provider_items"
    )
    with pytest.raises(TypeError, match=exactly(expected)):
        as_request("Hi", {"messages": [fields]})


def test_strings_among_parts_become_text():
    image = Image("https://example.com/cat.png")
    assert LLMRequest(["What is this?", image]).prompt == (Text("What is this?"), image)


@pytest.mark.parametrize(
    ("name", "kind", "media_type"),
    [
        ("cat.png", Image, "image/png"),
        ("cv.pdf", Document, "application/pdf"),
        ("note.mp3", Audio, "audio/mpeg"),
    ],
)
def test_file_is_read_at_once_and_its_type_guessed(tmp_path, name, kind, media_type):
    path = tmp_path / name
    path.write_bytes(b"\x00\xff")
    part = kind.from_file(path)
    path.unlink()
    assert part == kind(data=b"\x00\xff", media_type=media_type)


def test_given_media_type_of_a_file_wins(tmp_path):
    path = tmp_path / "cat.png"
    path.write_bytes(b"x")
    assert Image.from_file(str(path), media_type="image/x").media_type == "image/x"


def test_file_of_unknown_type_asks_for_a_media_type(tmp_path):
    path = tmp_path / "cat"
    path.write_bytes(b"x")
    with pytest.raises(ValueError, match=r"needs media_type=, for example 'image/png'"):
        Image.from_file(path)


# -- nobody can change a request ------------------------------------------------------


def scramble(value):
    """Change a JSON value in place, at every depth."""
    items = value.values() if isinstance(value, dict) else value
    for item in list(items):
        if isinstance(item, dict | list):
            scramble(item)
    if isinstance(value, dict):
        value["scrambled"] = True
    else:
        value.append("scrambled")


BUILD = {
    "extra_body": lambda value: LLMRequest(extra_body=value),
    "metadata": lambda value: LLMRequest(metadata=value),
    "response_format": lambda value: LLMRequest(response_format=value),
    "parameters": lambda value: Tool("f", parameters=value),
    "arguments": lambda value: ToolCall("1", "f", value),
    "provider_items": lambda value: Message("assistant", provider_items=[value]),
}


@pytest.mark.parametrize("build", BUILD.values(), ids=BUILD)
@given(value=values.json_objects)
def test_mapping_that_its_caller_changes_later_has_no_effect(build, value):
    expected = build(copy.deepcopy(value))
    made = build(value)
    scramble(value)
    assert made == expected


@pytest.mark.parametrize(
    ("name", "items"),
    [
        ("prompt", [Text("a")]),
        ("messages", [Message("user", "a")]),
        ("stop_sequences", ["a"]),
        ("tools", [Tool("f")]),
    ],
)
def test_list_that_its_caller_changes_later_has_no_effect(name, items):
    expected = tuple(items)
    request = LLMRequest(**{name: items})
    items.clear()
    assert getattr(request, name) == expected


@pytest.mark.parametrize("name", ["messages", "tools"])
def test_none_is_as_good_as_no_items(name):
    assert getattr(LLMRequest(**{name: None}), name) == ()


def test_headers_that_their_caller_changes_later_have_no_effect():
    headers = {"X-A": "b"}
    request = LLMRequest(extra_headers=headers)
    headers["X-C"] = "d"
    assert request.extra_headers == {"X-A": "b"}


def test_mapping_that_holds_itself_is_copied_with_its_circle():
    circle = {}
    circle["again"] = [circle]
    body = LLMRequest(extra_body=circle).extra_body
    assert body is not circle
    assert body["again"][0] is body


def test_very_deep_mapping_is_copied():
    deep = {}
    for _ in range(50_000):
        deep = {"a": deep}
    assert LLMRequest(extra_body=deep).extra_body["a"] is not deep["a"]
    while deep:  # letting go of it all at once is more than Python can do
        deep = deep["a"]


@values.few
@given(values.requests, values.overrides)
def test_overrides_give_the_evolved_request_and_leave_the_first_as_it_was(
    request, overrides
):
    before = copy.deepcopy(request)
    changed = as_request(request, overrides)
    assert changed == attrs.evolve(request, **overrides)
    assert request == before


@values.few
@given(values.contents, values.overrides)
def test_text_or_parts_with_overrides_are_a_request(prompt, overrides):
    assert as_request(prompt, overrides) == LLMRequest(prompt, **overrides)


@values.few
@given(values.requests)
def test_request_without_overrides_is_itself(request):
    assert as_request(request, {}) is request


@pytest.mark.parametrize("request_", ["Hi", LLMRequest("Hi")])
@pytest.mark.parametrize("name", ["temprature", "prompt", "self"])
def test_unknown_override_names_itself_and_the_known_ones(request_, name):
    message = f"unknown argument {name}; known are {', '.join(values.request_fields)}"
    with pytest.raises(TypeError, match=exactly(message)):
        as_request(request_, {name: 0})


def test_override_of_a_wrong_type_is_not_taken_for_an_unknown_one():
    with pytest.raises(TypeError, match="temperature must be a number"):
        as_request("Hi", {"temperature": "unexpected keyword"})


def test_overrides_are_the_fields_of_a_request():
    fields = [field.name for field in attrs.fields(LLMRequest)]
    assert ["prompt", *RequestOverrides.__annotations__] == fields
    assert list(values.request_fields) == fields[1:]


@given(values.values)
def test_values_are_frozen(value):
    for field in attrs.fields(type(value)):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, field.name, None)


# -- copies and what is shown ---------------------------------------------------------


def everything(value):
    """The fields of a value, those that `==` leaves out as well."""
    return attrs.asdict(value)


@given(values.values)
def test_pickle_and_copies_bring_back_every_field(value):
    copies = [copy.copy(value), copy.deepcopy(value)]
    copies += [pickle.loads(pickle.dumps(value, protocol)) for protocol in range(2, 6)]
    for made in copies:
        assert type(made) is type(value)
        assert everything(made) == everything(value)


@given(values.values)
def test_every_value_can_be_shown(value):
    assert repr(value).startswith(f"{type(value).__name__}(")


@pytest.mark.parametrize(
    "value",
    [
        LLMRequest(extra_headers={"Authorization": SECRET}),
        Image(data=SECRET.encode(), media_type="image/png"),
        LLMRequest([Audio(data=SECRET.encode(), media_type="audio/wav")]),
        Message("assistant", reasoning=SECRET, provider_items=[{"signature": SECRET}]),
        LLMResponse(raw={"text": SECRET}, provider_items=({"signature": SECRET},)),
    ],
)
def test_repr_shows_neither_headers_nor_bytes_nor_what_is_opaque(value):
    assert SECRET not in repr(value)


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", SECRET)],
        SECRET,
        {"Authorization": SECRET.encode()},
        {"Authorization": SECRET + "\n"},
    ],
)
def test_message_about_headers_does_not_show_them(headers):
    with pytest.raises((TypeError, ValueError)) as caught:
        LLMRequest(extra_headers=headers)
    assert SECRET not in str(caught.value)


# -- responses and events -------------------------------------------------------------


def test_answer_becomes_a_turn_of_the_next_request():
    call = ToolCall("1", "f", {"a": 1}, '{"a": 1}')
    response = LLMResponse(
        "Hi", tool_calls=(call,), reasoning="hm", provider_items=({"signature": "s"},)
    )
    assert response.message == Message(
        "assistant",
        "Hi",
        tool_calls=[call],
        reasoning="hm",
        provider_items=[{"signature": "s"}],
    )


def test_tokens_used_are_the_total_and_unknown_when_that_is():
    assert LLMResponse(usage=Usage(total_tokens=7)).tokens_used == 7
    assert LLMResponse(usage=Usage(input_tokens=7)).tokens_used is None


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (TextDelta("a"), "text"),
        (ReasoningDelta("a"), "reasoning"),
        (ToolCallDelta(0), "tool_call"),
        (StreamEnd(LLMResponse()), "end"),
    ],
)
def test_events_say_their_type(event, kind):
    assert event.type == kind


@pytest.mark.parametrize(
    ("use", "error"), [("always", ValueError), (1, TypeError), (0.5, TypeError)]
)
def test_use_of_the_cache_is_one_of_three(use, error):
    with pytest.raises(error, match="cache"):
        LLMRequest("Hi", cache=use)
