"""Streams of Chat Completions: what servers do, and what comes of it."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import (
    LLMAPIError,
    LLMBadRequestError,
    LLMInvalidResponseError,
    LLMOverloadedError,
    LLMRateLimitError,
    LLMServerError,
    LLMStreamInterruptedError,
    TextDelta,
    Usage,
)
from llm_adapter._wire.dialect import interrupted
from llm_adapter.models import LLMResponse, ReasoningDelta, ToolCallDelta
from tests.wire.chat import DIALECT, DONE, END, WITHOUT_DONE, Read, chunk, event


def call(index=None, id=None, name=None, arguments=None):
    """A fragment of a tool call; what is None is left out."""
    function = {"name": name, "arguments": arguments}
    item = {
        "index": index,
        "id": id,
        "function": {
            key: value for key, value in function.items() if value is not None
        },
    }
    return {key: value for key, value in item.items() if value is not None}


def calls(*deltas):
    """What a stream with these deltas of tool calls says, end to end."""
    read = Read(*(chunk({"tool_calls": items}) for items in deltas), END)
    told = read.calls()
    assert [told[place] for place in sorted(told)] == [
        [each.id, each.name, each.raw_arguments] for each in read.response.tool_calls
    ]
    return [tuple(told[place]) for place in sorted(told)]


# -- text, reasoning, refusal ---------------------------------------------------------


@pytest.mark.parametrize(
    ("delta", "event"),
    [
        ({"content": "Hi"}, TextDelta("Hi")),
        ({"role": "assistant", "content": "Hi"}, TextDelta("Hi")),
        ({"content": [{"type": "text", "text": "H"}, "i"]}, TextDelta("Hi")),
        ({"reasoning": "Hm"}, ReasoningDelta("Hm")),
        ({"reasoning_content": "Hm"}, ReasoningDelta("Hm")),
        ({"reasoning": "", "reasoning_content": "Hm"}, ReasoningDelta("Hm")),
        ({"reasoning": "Hm", "reasoning_content": "Hm"}, ReasoningDelta("Hm")),
        ({"reasoning_details": [{"text": "H"}, {"text": "m"}]}, ReasoningDelta("Hm")),
        (
            {"content": [{"type": "thinking", "thinking": [{"text": "Hm"}]}]},
            ReasoningDelta("Hm"),
        ),
    ],
)
def test_a_delta_is_told_as_it_comes(delta, event):
    assert Read(chunk(delta), END).events == [event]


@pytest.mark.parametrize(
    "delta",
    [
        None,
        {},
        [],
        "text",
        {"role": "assistant"},
        {"content": ""},
        {"content": None},
        {"content": 5},
        {"content": [{"type": "image_url"}]},
        {"reasoning": None, "reasoning_details": "x"},
        {"refusal": None},
        {"tool_calls": None},
        {"tool_calls": {}},
        {"tool_calls": []},
    ],
)
def test_a_delta_without_content_says_nothing(delta):
    read = Read(chunk(delta), chunk({"content": "Hi"}), END)
    assert read.events == [TextDelta("Hi")]
    assert read.complete


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"choices": None},
        {"choices": []},
        {"choices": {}},
        {"choices": [None]},
        {"choices": [{}]},
        {"choices": [{"delta": None}]},
        {"moderation": {"flagged": False}, "choices": []},
        {"error": None, "choices": []},
        [],
        None,
        5,
        "text",
    ],
)
def test_a_chunk_without_a_choice_says_nothing(value):
    read = Read(event(value), chunk({"content": "Hi"}), END)
    assert read.events == [TextDelta("Hi")]
    assert read.complete


@pytest.mark.parametrize("data", [b"data:\n\n", b"data: \n\n", b"data:   \n\n"])
def test_an_empty_event_that_keeps_the_connection_alive_says_nothing(data):
    assert Read(data, chunk({"content": "Hi"}), END).text() == "Hi"


def test_text_and_reasoning_may_share_a_delta():
    read = Read(chunk({"content": "a", "reasoning": "b"}), END)
    assert (read.text(), read.reasoning()) == ("a", "b")


def test_a_whole_message_in_the_place_of_a_delta_is_read():
    assert (
        Read(event({"choices": [{"message": {"content": "Hi"}}]}), END).text() == "Hi"
    )


@pytest.mark.parametrize("deltas", [["Hel", "lo"], ["Hello"], []])
def test_a_whole_message_that_says_again_what_its_deltas_have_said_is_not_read(deltas):
    said = [chunk({"content": each}) for each in deltas]
    whole = {"message": {"content": "Hello"}, "finish_reason": "stop"}
    read = Read(*said, event({"choices": [whole]}), DONE)
    assert (read.text(), read.response.finish_reason) == ("Hello", "stop")


def test_calls_that_a_whole_message_says_again_are_not_read_again():
    calls = [call(0, "a", "f", "{}")]
    whole = {"message": {"content": None, "tool_calls": calls}}
    read = Read(chunk({"tool_calls": calls}), event({"choices": [whole]}), DONE)
    assert len(read.response.tool_calls) == 1


def test_messages_in_the_place_of_deltas_that_go_on_are_read():
    pieces = [event({"choices": [{"message": {"content": each}}]}) for each in "abc"]
    assert Read(*pieces, END).text() == "abc"


def test_of_several_alternatives_the_first_is_the_answer():
    first, other = ({"index": i, "delta": {"content": "AB"[i]}} for i in (0, 1))
    streams = (
        [{"choices": [first]}, {"choices": [other]}],
        [{"choices": [other, first]}],
    )
    for chunks in streams:
        assert Read(*map(event, chunks), END).text() == "A"


# -- what stands beside the deltas ----------------------------------------------------


def test_the_model_is_read_from_the_first_chunk_that_names_it():
    first = event({"id": "", "model": "", "choices": []})
    read = Read(first, chunk({"content": "Hi"}), END)
    assert (read.response.model, read.response.id) == ("m", "chatcmpl-1")


def test_a_stream_that_names_no_model_is_read_all_the_same():
    read = Read(event({"choices": [{"delta": {"content": "Hi"}}]}), DONE)
    assert (read.response.model, read.response.id) == ("", None)


@pytest.mark.parametrize(
    "fields",
    [
        {"usage": {"prompt_tokens": 1, "completion_tokens": 2}},
        {"x_groq": {"usage": {"prompt_tokens": 1, "completion_tokens": 2}}},
        {"usage": None, "x_groq": {"usage": {"prompt_tokens": 1, "total_tokens": 3}}},
    ],
)
def test_usage_is_read_wherever_it_stands(fields):
    usage = Read(chunk({}, "stop", **fields), DONE).response.usage
    assert (usage.input_tokens, usage.total_tokens) == (1, 3)


def test_the_last_usage_counts_and_an_empty_one_does_not():
    counts = [{"total_tokens": 3}, {"total_tokens": 5}, {}, None]
    read = Read(*(chunk({}, usage=each) for each in counts), END)
    assert read.response.usage == Usage(total_tokens=5)


@pytest.mark.parametrize(
    "tiers", [("flex", None), ("auto", "flex"), (None, "flex"), ("flex", "")]
)
def test_the_last_service_tier_that_a_stream_names_is_the_one_that_served(tiers):
    first, last = tiers
    usage = event({"choices": [], "usage": {"total_tokens": 3}, "service_tier": last})
    read = Read(chunk({"content": "Hi"}, service_tier=first), usage, END)
    assert read.response.usage == Usage(total_tokens=3, service_tier="flex")


def test_a_null_finish_reason_after_text_is_a_stop():
    read = Read(chunk({"content": "Hi"}), DONE)
    assert (read.response.finish_reason, read.response.raw_finish_reason) == (
        "stop",
        None,
    )


def test_a_later_null_does_not_take_the_finish_reason_back():
    read = Read(chunk({}, "length"), chunk({}), DONE)
    assert read.response.finish_reason == "length"


# -- the end --------------------------------------------------------------------------


def test_what_follows_done_is_not_read():
    decoder = DIALECT.stream_decoder()
    assert decoder.feed(END + chunk({"content": "more"})) == []
    assert decoder.feed(chunk({"content": "more"})) == []
    assert decoder.response().text == ""


@pytest.mark.parametrize("dialect", [DIALECT, WITHOUT_DONE])
def test_a_body_without_an_end_is_not_complete(dialect):
    read = Read(chunk({"content": "Hi"}), dialect=dialect)
    assert not read.complete
    assert read.response.finish_reason == "error"


def test_a_stream_cut_within_its_last_event_is_cut_and_not_unreadable():
    read = Read(chunk({"content": "Hi"}), chunk({"content": "there"})[:-9])
    assert (read.text(), read.complete, read.error) == ("Hi", False, None)


def test_a_stream_that_ended_before_its_last_event_was_whole_is_complete():
    cut = chunk({}, "stop") + chunk(None, usage={"total_tokens": 3})[:-9]
    assert Read(cut, dialect=WITHOUT_DONE).complete


def test_an_unreadable_event_within_the_stream_is_an_error():
    read = Read(chunk({"content": "Hi"}), b"data: {oops\n\n", END)
    assert isinstance(read.error, LLMInvalidResponseError)
    assert (read.text(), read.complete) == ("Hi", False)


def test_nothing_is_told_after_an_error():
    decoder = DIALECT.stream_decoder()
    decoder.feed(b"data: {oops\n\n")
    first = decoder.error
    assert decoder.feed(chunk({"content": "Hi"}) + b"data: {again\n\n") == []
    assert decoder.error is first


def test_the_first_error_counts_even_if_the_stream_then_grows_too_large(monkeypatch):
    monkeypatch.setattr("llm_adapter._wire.sse.MAX_EVENT_BYTES", 10)
    decoder = DIALECT.stream_decoder()
    decoder.feed(b"data: {oops\n\n")
    first = decoder.error
    decoder.feed(b"data: more than ten bytes")
    assert decoder.error is first


def test_an_interrupted_stream_carries_what_had_arrived_and_why_it_ended():
    cause = LLMInvalidResponseError("bad gzip", status_code=200, request_id="r")
    error = interrupted(LLMResponse("Hal"), cause)
    assert isinstance(error, LLMStreamInterruptedError)
    assert str(error).startswith(
        "The stream ended before the answer was complete, after 3 characters: bad gzip"
    )
    assert (error.partial.text, error.text) == ("Hal", "Hal")
    assert (error.status_code, error.request_id) == (200, "r")


# -- errors inside --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "kind", "message"),
    [
        pytest.param(
            event({"error": {"message": "full", "type": "overloaded_error"}}),
            LLMOverloadedError,
            "full",
            id="an object",
        ),
        pytest.param(
            event({"error": {"message": "slow", "code": 429}}),
            LLMRateLimitError,
            "slow",
            id="a status for a code",
        ),
        pytest.param(event({"error": "text"}), LLMAPIError, "text", id="text"),
        pytest.param(
            event({"object": "error", "message": "flat", "code": 400}),
            LLMBadRequestError,
            "flat",
            id="flat",
        ),
        pytest.param(
            event([{"error": {"message": "in a list", "code": 503}}]),
            LLMOverloadedError,
            "in a list",
            id="in a list",
        ),
        pytest.param(
            chunk({"content": ""}, "error", error={"message": "lost", "code": 504}),
            TimeoutError,
            "lost",
            id="beside a choice",
        ),
        pytest.param(
            b"event: error\ndata: overloaded\n\n", LLMAPIError, "overloaded", id="words"
        ),
        pytest.param(
            b'event: error\ndata: "overloaded"\n\n',
            LLMAPIError,
            "overloaded",
            id="a JSON string",
        ),
        pytest.param(
            b'event: error\ndata: {"message":"flat"}\n\n',
            LLMAPIError,
            "flat",
            id="bare",
        ),
        pytest.param(
            event({"x_groq": {"id": "r", "error": "stopped"}}),
            LLMAPIError,
            "stopped",
            id="x_groq",
        ),
    ],
)
def test_an_error_in_a_stream_is_found_in_every_form(written, kind, message):
    read = Read(chunk({"content": "Hi"}), written, END)
    assert isinstance(read.error, kind)
    assert read.error.message == message
    assert (read.text(), read.complete) == ("Hi", False)


def test_usage_that_comes_with_an_error_is_kept():
    """What was used is paid for."""
    failed = {"message": "lost", "code": 502}
    read = Read(chunk({}, "error", error=failed, usage={"total_tokens": 5}))
    assert read.response.usage == Usage(total_tokens=5)
    assert isinstance(read.error, LLMServerError)


def test_an_error_in_the_place_of_an_answer_is_found():
    failed = {"code": 429, "message": "slow"}
    choice = {"delta": {"content": ""}, "finish_reason": "error", "error": failed}
    assert isinstance(Read(event({"choices": [choice]})).error, LLMRateLimitError)


@pytest.mark.parametrize("dialect", [DIALECT, WITHOUT_DONE])
def test_a_stream_that_ends_with_an_error_is_not_complete(dialect):
    read = Read(
        chunk({"content": "Hi"}, "stop"), event({"error": "x"}), dialect=dialect
    )
    assert not read.complete
    assert read.response.finish_reason == "error"


def test_an_error_in_a_stream_may_name_a_wait():
    told = {"message": "Please try again in 5.5s.", "code": "rate_limit_exceeded"}
    assert Read(event({"error": told})).error.retry_after == 5.5


# -- tool calls -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deltas", "expected"),
    [
        pytest.param(
            [
                [call(0, "a", "f", "")],
                [call(0, arguments="{")],
                [call(1, "b", "g", "{}")],
                [call(0, arguments="}")],
            ],
            [("a", "f", "{}"), ("b", "g", "{}")],
            id="by index, interleaved",
        ),
        pytest.param(
            [[call(0, "a", "f"), call(1, "b", "g")], [call(1, arguments="{}")]],
            [("a", "f", ""), ("b", "g", "{}")],
            id="several in one delta",
        ),
        pytest.param(
            [[call(3, "a", "f", "{}")], [call(7, "b", "g", "{}")]],
            [("a", "f", "{}"), ("b", "g", "{}")],
            id="indexes with gaps",
        ),
        pytest.param(
            [[call(0, "a", "f", "{")], [call(0, "a", "f", "}")]],
            [("a", "f", "{}")],
            id="id and name repeated",
        ),
        pytest.param(
            [[call(0, "a", "f", "{")], [call(0, "", "", "}")]],
            [("a", "f", "{}")],
            id="id and name empty later",
        ),
        pytest.param(
            [[call(0, "a", "f", "{")], [call(0, "x1", None, "}")]],
            [("a", "f", "{}")],
            id="a new id with every fragment",
        ),
        pytest.param(
            [[call(0, "a", "f", "{")], [call(0, None, "f", "}")]],
            [("a", "f", "{}")],
            id="only the name repeated",
        ),
        pytest.param(
            [[call(0, "a", "f", "{}")], [call(0, "b", "g", "{}")]],
            [("a", "f", "{}"), ("b", "g", "{}")],
            id="every call has index 0",
        ),
        pytest.param(
            [
                [call(0, "a", "f", "{}")],
                [call(0, "b", "g", "{")],
                [call(0, arguments="}")],
            ],
            [("a", "f", "{}"), ("b", "g", "{}")],
            id="every call has index 0, in fragments",
        ),
        pytest.param(
            [[call(0, "a")], [call(0, None, "f")], [call(0, arguments="{}")]],
            [("a", "f", "{}")],
            id="the name after the id",
        ),
        pytest.param(
            [[call(None, "a", "f", "{")], [call(arguments="}")]],
            [("a", "f", "{}")],
            id="no index",
        ),
        pytest.param(
            [[call(None, "a", "f", "{}")], [call(None, "b", "f", "{}")]],
            [("a", "f", "{}"), ("b", "f", "{}")],
            id="no index, the next call has a new id",
        ),
        pytest.param(
            [[call(None, "a", "f", "{")], [call(None, "a", "f", "}")]],
            [("a", "f", "{}")],
            id="no index, id and name repeated",
        ),
        pytest.param(
            [
                [call(None, "a", "f", "{"), call(None, "b", "g", "{")],
                [call(arguments="}"), call(arguments="}")],
            ],
            [("a", "f", "{}"), ("b", "g", "{}")],
            id="no index, by position",
        ),
        pytest.param(
            [[call("0", "a", "f", "{")], [call("0", arguments="}")]],
            [("a", "f", "{}")],
            id="an index that is text",
        ),
        pytest.param(
            [[{"id": "a", "function": {"name": "f", "arguments": {"x": 1}}}]],
            [("a", "f", '{"x":1}')],
            id="arguments as an object",
        ),
    ],
)
def test_fragments_of_tool_calls_find_their_call(deltas, expected):
    assert calls(*deltas) == expected


def test_a_call_without_an_id_gets_one_that_stays():
    decoder = DIALECT.stream_decoder()
    decoder.feed(chunk({"tool_calls": [call(0, None, "f", "{}")]}))
    (event,) = decoder.feed(chunk({"tool_calls": [call(1, None, "g", "{}")]}))
    first, second = decoder.response().tool_calls
    assert re.fullmatch("call_[0-9a-f]{24}", first.id)
    assert first.id != second.id == event.id
    assert decoder.response().tool_calls == (first, second)


def test_calls_without_index_and_id_begin_with_their_name():
    deltas = [[call(name="f", arguments="{}")], [call(name="f", arguments='{"x":1}')]]
    assert [each[1:] for each in calls(*deltas)] == [("f", "{}"), ("f", '{"x":1}')]


@pytest.mark.parametrize(
    ("fragments", "expected"),
    [
        ([("f", "{}"), ("f", '{"x":1}')], [("f", "{}"), ("f", '{"x":1}')]),
        ([("f", "{"), ("g", "{}")], [("f", "{"), ("g", "{}")]),
        ([("f", ""), ("f", "{}")], [("f", "{}")]),
        ([("f", "{"), ("f", "}")], [("f", "{}")]),
        ([("f", "{}"), ("f", "")], [("f", "{}")]),
        ([("f", '{"x"'), ("f", ":1}"), ("f", "{}")], [("f", '{"x":1}'), ("f", "{}")]),
    ],
)
def test_calls_with_one_index_and_no_ids_begin_where_the_one_before_is_whole(
    fragments, expected
):
    """As Gemini may send several, and other servers one in pieces."""
    deltas = [[call(0, "", name, arguments)] for name, arguments in fragments]
    assert [each[1:] for each in calls(*deltas)] == expected


def test_id_and_name_come_with_the_first_piece_of_a_call_only():
    first, second = [call(0, "a", "f", "{")], [call(0, "a", "f", "}")]
    read = Read(chunk({"tool_calls": first}), chunk({"tool_calls": second}), END)
    assert read.events == [
        ToolCallDelta(0, "a", "f", "{"),
        ToolCallDelta(0, None, None, "}"),
    ]


def test_a_call_in_its_form_of_before_2023_11_is_put_together():
    pieces = [{"name": "f", "arguments": "{"}, {"arguments": "}"}, {"name": "f"}]
    read = Read(*(chunk({"function_call": each}) for each in pieces), END)
    ((_, name, arguments),) = read.calls().values()
    assert (name, arguments) == ("f", "{}")
    assert read.response.finish_reason == "tool_calls"


def test_an_item_that_is_no_call_makes_a_nameless_one():
    (call,) = Read(chunk({"tool_calls": [None]}), END).response.tool_calls
    assert (call.name, call.arguments, call.invalid) == ("", {}, False)


ARGUMENTS = st.dictionaries(st.text(max_size=5), st.integers(), max_size=3)
WANTED = st.lists(st.tuples(st.sampled_from("fgh"), ARGUMENTS), min_size=1, max_size=4)


@given(WANTED, st.integers(1, 9), st.randoms(use_true_random=False))
def test_calls_in_any_fragments_and_order_are_put_together(wanted, size, random):
    firsts, queues = [], []
    for index, (name, arguments) in enumerate(wanted):
        written = json.dumps(arguments)
        rest = [written[i : i + size] for i in range(0, len(written), size)]
        firsts.append(call(index, f"id{index}", name, ""))
        queues.append([call(index, arguments=piece) for piece in rest])
    # Pieces of one call keep their order; those of several calls may alternate.
    turns = [queue for queue in queues for _ in queue]
    random.shuffle(turns)
    items = firsts + [queue.pop(0) for queue in turns]
    response = Read(*(chunk({"tool_calls": [each]}) for each in items), END).response
    assert [(each.name, each.arguments) for each in response.tool_calls] == wanted
