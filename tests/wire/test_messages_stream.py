"""Streams of the Messages API: deltas as they come, and the response at the end."""

from __future__ import annotations

import json
import pickle
import re

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import (
    LLMAPIError,
    LLMInvalidResponseError,
    LLMOverloadedError,
    LLMRateLimitError,
    LLMServiceError,
    LLMStreamInterruptedError,
    Usage,
)
from llm_adapter._wire.anthropic_messages_answers import ANSWER_TOOL
from llm_adapter.models import (
    LLMResponse,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
)
from tests.wire.messages import (
    DIALECT,
    MODEL,
    RECORDED,
    STOP,
    WHOLE,
    Read,
    begin,
    changed,
    delta,
    end,
    event,
    keys,
    message,
    places,
    start,
    stop,
    streamed,
    text,
    thinking,
    tool_use,
    written,
)
from tests.wire.pieces import byte_by_byte, in_pieces
from tests.wire.recorded import STYLES


def items(response):
    """The kept blocks of a response."""
    (label,) = response.provider_items
    assert (label["dialect"], label["model"]) == ("messages", response.model)
    return label["items"]


# -- recorded streams -----------------------------------------------------------------


@pytest.fixture(params=RECORDED)
def recorded(request):
    return RECORDED[request.param]


def test_every_cut_into_two_pieces_gives_the_same(recorded):
    whole = Read(recorded)
    for position in range(len(recorded) + 1):
        assert Read(recorded[:position], recorded[position:]) == whole, position


def test_byte_by_byte_gives_the_same(recorded):
    assert Read(*byte_by_byte(recorded)) == Read(recorded)


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_every_style_gives_the_same(recorded, style):
    styled = style(recorded)
    assert Read(styled) == Read(recorded)
    assert Read(*byte_by_byte(styled)) == Read(recorded)


def test_events_without_a_name_give_the_same(recorded):
    nameless = re.sub(rb"event: .*\n", b"", recorded)
    assert Read(nameless) == Read(recorded)


def test_no_beginning_of_a_stream_is_taken_for_the_whole(recorded):
    whole = Read(recorded)
    marker = b'data: {"type":"message_stop"}'
    done = recorded.find(marker) + len(marker)
    for length in range(len(recorded)):
        cut = Read(recorded[:length])
        assert cut.complete is (whole.complete and length >= done)
        assert cut.error is None or whole.error is not None


@pytest.mark.parametrize("name", WHOLE)
def test_a_stream_says_what_the_whole_body_says(name):
    streamed, whole = Read(RECORDED[name]).response, DIALECT.decode(WHOLE[name])
    assert without_written(streamed) == without_written(whole)


def without_written(response):
    """A response without the text of arguments, which a whole body does not hold."""
    calls = (evolve(call, raw_arguments="") for call in response.tool_calls)
    return evolve(response, tool_calls=tuple(calls))


@pytest.mark.parametrize("name", WHOLE)
def test_the_blocks_of_a_stream_are_kept_as_they_would_have_come(name):
    assert items(Read(RECORDED[name]).response) == json.loads(WHOLE[name])["content"]


def test_text_with_usage_that_grows():
    read = Read(RECORDED["anthropic_text"])
    assert read.response == LLMResponse(
        "Grüß dich 👋🏽\n\nこんにちは",
        "claude-opus-4-8",
        finish_reason="stop",
        raw_finish_reason="end_turn",
        id="msg_01Text",
        usage=Usage(
            input_tokens=3097,
            output_tokens=17,
            cached_input_tokens=2048,
            cache_write_tokens=1024,
            cache_write_long_tokens=0,
            total_tokens=3114,
            service_tier="standard",
        ),
    )
    assert read.events == [
        TextDelta("Grüß"),
        TextDelta(" dich 👋"),
        TextDelta("🏽\n\n"),
        TextDelta("こんにちは"),
    ]


def test_thinking_text_and_tools_in_their_order():
    read = Read(RECORDED["anthropic_thinking_tools"])
    assert read.events == [
        ReasoningDelta("They ask about Köln."),
        ReasoningDelta(" I need the weather and the time."),
        TextDelta("Ich sehe"),
        TextDelta(" nach …"),
        ToolCallDelta(0, "toolu_01A", "get_weather"),
        ToolCallDelta(0, arguments='{"city": "Kö'),
        ToolCallDelta(0, arguments='ln 🌧"'),
        ToolCallDelta(0, arguments="}"),
        ToolCallDelta(1, "toolu_01B", "get_time"),
    ]
    first, second = read.response.tool_calls
    assert first.raw_arguments == '{"city": "Köln 🌧"}'
    assert second == ToolCall("toolu_01B", "get_time")


def test_a_refusal_without_content():
    response = Read(RECORDED["anthropic_refusal"]).response
    assert (response.text, response.finish_reason, response.refusal) == (
        "",
        "content_filter",
        "This may help to do harm.",
    )
    assert response.usage.input_tokens == 31


def test_a_paused_turn_is_kept_to_be_sent_again():
    response = Read(RECORDED["anthropic_pause"]).response
    assert (response.text, response.finish_reason) == ("I search.", "pause")
    assert items(response)[1] == {
        "type": "server_tool_use",
        "id": "srvtoolu_01P",
        "name": "web_search",
        "input": {"query": "x"},
    }


def test_a_call_that_was_cut_is_flagged():
    response = Read(RECORDED["anthropic_max_tokens"]).response
    assert response.finish_reason == "length"
    assert response.tool_calls == (
        ToolCall(
            "toolu_01C",
            "save",
            raw_arguments='{"text": "It was a dark and',
            invalid=True,
        ),
    )


def test_an_error_in_the_stream_comes_after_what_was_said():
    read = Read(RECORDED["anthropic_overloaded"])
    assert read.text() == "Half an"
    assert not read.complete
    assert type(read.error) is LLMOverloadedError
    assert (read.error.message, read.error.code, read.error.request_id) == (
        "Overloaded",
        "overloaded_error",
        "req_011Busy",
    )
    with pytest.raises(LLMOverloadedError):
        DIALECT.decode(RECORDED["anthropic_overloaded"])


# -- any answer -----------------------------------------------------------------------

WORDS = st.text(max_size=8)
INPUTS = st.dictionaries(
    WORDS, st.none() | st.booleans() | st.integers(-9, 9) | WORDS, max_size=3
)
CITATIONS = st.lists(INPUTS, min_size=1, max_size=2)
IDS = st.text("ab1_-", min_size=1, max_size=5)
BLOCKS = st.one_of(
    st.builds(text, WORDS),
    st.builds(text, WORDS, citations=CITATIONS),
    st.builds(thinking, WORDS, WORDS),
    st.builds(lambda data: {"type": "redacted_thinking", "data": data}, WORDS),
    st.builds(tool_use, IDS, IDS, input=INPUTS),
    st.builds(tool_use, IDS, st.just(ANSWER_TOOL), input=INPUTS),
    st.builds(tool_use, IDS, IDS, input=INPUTS, type=st.just("server_tool_use")),
    st.builds(
        lambda content: {"type": "web_search_tool_result", "content": content},
        st.lists(INPUTS, max_size=2),
    ),
)
COUNTS = st.none() | st.integers(0, 99)
REASONS = st.sampled_from(
    [None, "end_turn", "tool_use", "max_tokens", "pause_turn", "refusal", "new"]
)
ANSWERS = st.builds(
    lambda content, fields: message(*content, **fields),
    st.lists(BLOCKS, max_size=4),
    st.fixed_dictionaries(
        {
            "stop_reason": REASONS,
            "stop_details": st.none() | st.builds(dict, explanation=WORDS),
            "usage": st.fixed_dictionaries(
                {
                    "input_tokens": COUNTS,
                    "cache_read_input_tokens": COUNTS,
                    "cache_creation_input_tokens": COUNTS,
                    "output_tokens": COUNTS,
                }
            ),
        }
    ),
)


@given(ANSWERS, st.integers(1, 9))
def test_an_answer_is_the_same_streamed_and_whole(answer, size):
    read = Read(*streamed(answer, size))
    assert read.complete
    assert read.response == DIALECT.decode(written(answer))


@given(ANSWERS, st.integers(1, 9))
def test_the_deltas_add_up_to_the_response(answer, size):
    read = Read(*streamed(answer, size))
    assert read.text() == read.response.text
    assert read.reasoning() == (read.response.reasoning or "")
    assert [read.calls()[i] for i in range(len(read.calls()))] == [
        [call.id, call.name, call.raw_arguments] for call in read.response.tool_calls
    ]


@given(in_pieces(ANSWERS.map(lambda answer: b"".join(streamed(answer)))))
def test_a_stream_is_the_same_in_any_pieces(example):
    body, pieces = example
    assert Read(*pieces) == Read(body)


@given(ANSWERS, st.data())
def test_what_has_arrived_of_an_answer_is_a_beginning_of_it(answer, data):
    events = streamed(answer)
    arrived = Read(*events[: data.draw(st.integers(0, len(events) - 1))]).response
    whole = DIALECT.decode(written(answer))
    assert whole.text.startswith(arrived.text)
    assert (whole.reasoning or "").startswith(arrived.reasoning or "")
    assert arrived.finish_reason == "error"
    assert arrived.provider_items == ()


# -- events ---------------------------------------------------------------------------


def test_a_stream_without_its_last_event_is_not_complete():
    pieces = streamed(message(text("Hi")))[:-1]
    assert not Read(*pieces).complete
    with pytest.raises(LLMStreamInterruptedError) as caught:
        DIALECT.decode(b"".join(pieces))
    assert caught.value.partial.text == "Hi"


@pytest.mark.parametrize(
    "noise",
    [
        event("ping"),
        b": ping\n\n",
        b"data: [DONE]\n\n",
        b"data:\n\n",
        event("something_new", of=["the", "future"]),
        b"data: {}\n\n",
        b"data: null\n\n",
        b'data: ["a"]\n\n',
        end(7),
        end("x"),
        stop(None),
    ],
)
def test_events_that_say_nothing_change_nothing(noise):
    answer = message(thinking(), text("Hi"), tool_use(input={"a": 1}))
    pieces = streamed(answer)
    noisy = [noise, *(each for piece in pieces for each in (piece, noise))]
    assert Read(*noisy) == Read(*pieces)


def test_done_is_not_an_end():
    read = Read(start(), b"data: [DONE]\n\n")
    assert not read.complete


def test_what_comes_after_the_end_is_not_read():
    pieces = streamed(message(text("Hi")))
    assert Read(*pieces, delta("text_delta", text="!"), b"data: {\n\n") == Read(*pieces)


def test_the_kind_of_an_event_is_found_in_its_name_where_the_data_has_none():
    read = Read(
        b'event: content_block_delta\ndata: {"delta": {"type": "text_delta", '
        b'"text": "Hi"}}\n\n',
        b"event: message_stop\ndata: {}\n\n",
    )
    assert (read.text(), read.complete) == ("Hi", True)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (event("error", error={"type": "rate_limit_error"}), LLMRateLimitError),
        (b"event: error\ndata: Something broke\n\n", LLMAPIError),
        (b'data: {"error": {"type": "overloaded_error"}}\n\n', LLMOverloadedError),
        (b'data: [{"error": "text"}]\n\n', LLMAPIError),
        (b"data: {\n\n", LLMInvalidResponseError),
        (b"data: <html>\n\n", LLMInvalidResponseError),
    ],
)
def test_an_error_ends_the_stream(body, kind):
    read = Read(start(), body, begin(text("Hi")), STOP)
    assert type(read.error) is kind
    assert (read.text(), read.complete) == ("", False)


def test_a_body_cut_within_an_event_is_no_error():
    read = Read(start(), b'data: {"type": "content_block_de')
    assert (read.error, read.complete) == (None, False)


# -- message --------------------------------------------------------------------------


def test_usage_is_cumulative_and_what_is_not_repeated_stays():
    read = Read(
        start(usage={"input_tokens": 5, "output_tokens": 1}),
        stop(None, {"output_tokens": 7, "input_tokens": None}),
        stop("end_turn", {"output_tokens": 9, "cache_read_input_tokens": 2}),
        STOP,
    )
    assert read.response.usage == Usage(
        input_tokens=7, output_tokens=9, cached_input_tokens=2, total_tokens=16
    )


def test_a_stream_that_is_cut_does_not_know_what_it_has_written():
    """The count with which a message begins is a one, whatever follows."""
    begun = start(usage={"input_tokens": 5, "output_tokens": 1})
    cut = Read(begun, delta("text_delta", text="Hi"))
    assert cut.response.usage == Usage(input_tokens=5)
    late = Read(begun, stop("end_turn", {"output_tokens": 9}), stop(None))
    assert late.response.usage.total_tokens == 14


def test_what_a_message_begins_with_is_a_part_of_it():
    """As after calls that a program of the model's has made."""
    call = {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}
    read = Read(start(content=[text("Hello"), call]), stop("tool_use"), STOP)
    assert read.response.text == read.text() == "Hello"
    (found,) = read.response.tool_calls
    assert (found.id, found.name, found.arguments) == ("t1", "f", {"a": 1})
    assert read.response.finish_reason == "tool_calls"
    assert [type(e).__name__ for e in read.events] == [
        "TextDelta",
        "ToolCallDelta",
        "ToolCallDelta",
    ]


def test_a_beginning_that_is_repeated_changes_nothing():
    once = start(usage={"input_tokens": 10})
    other = start(id="msg_2", usage={"input_tokens": 99})
    end = stop("end_turn", {"output_tokens": 2})
    assert Read(once, other, end, STOP).response == Read(once, end, STOP).response


def test_a_later_message_delta_without_a_reason_leaves_the_first_one():
    assert Read(start(), stop("max_tokens"), stop(None), STOP).response == (
        Read(start(), stop("max_tokens"), STOP).response
    )


def test_a_stream_of_nothing_is_an_empty_response():
    assert Read(STOP).response == LLMResponse(finish_reason="unknown")


# -- blocks ---------------------------------------------------------------------------


def test_a_block_may_begin_with_its_text():
    read = Read(
        start(),
        begin(thinking("H"), 0),
        delta("thinking_delta", 0, thinking="m"),
        begin(text("Hel"), 1),
        delta("text_delta", 1, text="lo"),
        STOP,
    )
    assert read.events == [
        ReasoningDelta("H"),
        ReasoningDelta("m"),
        TextDelta("Hel"),
        TextDelta("lo"),
    ]
    assert items(read.response) == [thinking("Hm"), text("Hello")]


@pytest.mark.parametrize("last", [[end()], []])
def test_a_call_may_begin_with_its_input(last):
    read = Read(start(), begin(tool_use(input={"a": 1})), *last, STOP)
    assert read.events == [
        ToolCallDelta(0, "a", "f"),
        ToolCallDelta(0, arguments='{"a":1}'),
    ]
    assert read.response.tool_calls == (ToolCall("a", "f", {"a": 1}, '{"a":1}'),)


def test_input_in_pieces_stands_for_the_one_at_the_beginning():
    read = Read(
        start(),
        begin(tool_use(input={"a": 1})),
        delta("input_json_delta", partial_json='{"b": 2}'),
        end(),
        STOP,
    )
    assert read.response.tool_calls[0].arguments == {"b": 2}


def test_input_that_is_no_object_is_kept_as_one():
    read = Read(
        start(),
        begin(thinking(), 0),
        begin(tool_use(), 1),
        delta("input_json_delta", 1, partial_json='{"a'),
        STOP,
    )
    assert items(read.response)[1]["input"] == {"invalid_arguments": '{"a'}


def test_citations_follow_those_with_which_a_text_began():
    read = Read(
        start(),
        begin(text("Hi", citations=[{"n": 1}])),
        delta("citations_delta", citation={"n": 2}),
        STOP,
    )
    assert items(read.response) == [text("Hi", citations=[{"n": 1}, {"n": 2}])]


def test_deltas_of_a_kind_to_come_are_kept_with_their_block():
    read = Read(
        start(),
        begin({"type": "compaction", "content": ""}),
        delta("compaction_delta", content="So "),
        delta("compaction_delta", content="far", more=1),
        STOP,
    )
    assert items(read.response) == [{"type": "compaction", "content": "So far"}]


@pytest.mark.parametrize("index", [None, "0", []])
def test_deltas_without_an_index_belong_to_the_newest_block(index):
    read = Read(
        start(),
        begin(thinking(""), index),
        delta("thinking_delta", index, thinking="Hm"),
        begin(text(""), index),
        delta("text_delta", index, text="Hi"),
        STOP,
    )
    assert items(read.response) == [thinking("Hm"), text("Hi")]


def test_an_index_that_is_used_twice_begins_another_block():
    read = Read(
        start(),
        begin(tool_use("a"), 0),
        begin(tool_use("b"), 0),
        delta("input_json_delta", 0, partial_json='{"x": 1}'),
        STOP,
    )
    assert [(each.id, each.arguments) for each in read.response.tool_calls] == [
        ("a", {}),
        ("b", {"x": 1}),
    ]


@pytest.mark.parametrize(
    ("piece", "block"),
    [
        (delta("text_delta", text="Hi"), text("Hi")),
        (
            delta("citations_delta", citation={"n": 1}),
            {"type": "text", "citations": [{"n": 1}]},
        ),
        (
            delta("thinking_delta", thinking="Hm"),
            {"type": "thinking", "thinking": "Hm"},
        ),
        (
            delta("signature_delta", signature="x"),
            {"type": "thinking", "signature": "x"},
        ),
        (
            delta("input_json_delta", partial_json="{}"),
            {"type": "tool_use", "input": {}},
        ),
        (delta("something_new", words="Hi"), {"words": "Hi"}),
    ],
)
def test_a_delta_without_its_block_begins_one(piece, block):
    read = Read(start(), begin(thinking(), 1), piece, STOP)
    assert items(read.response) == [thinking(), block]


def test_a_delta_that_is_none_changes_nothing():
    assert Read(start(), delta([]), delta(None), STOP) == Read(start(), STOP)


def test_a_call_without_an_id_gets_one_that_stays():
    decoder = DIALECT.stream_decoder()
    (first,) = decoder.feed(begin(tool_use(None, None), 0))
    (second,) = decoder.feed(begin(tool_use("", "g"), 1))
    assert re.fullmatch("call_[0-9a-f]{24}", first.id)
    assert first.id != second.id
    calls = decoder.response().tool_calls
    assert [call.id for call in calls] == [first.id, second.id]
    assert (first.name, second.name) == (None, "g")


# -- answers in the form of a tool call -----------------------------------------------


def test_an_answer_given_by_tool_streams_as_text():
    read = Read(
        start(),
        begin(tool_use(name=ANSWER_TOOL)),
        delta("input_json_delta", partial_json='{"a": '),
        delta("input_json_delta", partial_json="1}"),
        end(),
        stop("tool_use"),
        STOP,
    )
    assert read.events == [TextDelta('{"a": '), TextDelta("1}")]
    assert (read.response.text, read.response.tool_calls) == ('{"a": 1}', ())
    assert read.response.finish_reason == "stop"


@pytest.mark.parametrize("last", [[end()], [end(), end()], []])
def test_an_empty_answer_given_by_tool_is_an_empty_object(last):
    read = Read(start(), begin(tool_use(name=ANSWER_TOOL)), *last, STOP)
    assert read.events == [TextDelta("{}")]


# -- whatever comes -------------------------------------------------------------------

NAMED = {
    **json.loads(WHOLE["anthropic_search"]),
    "delta": {"partial_json": "", "thinking": "", "citation": {}, "stop_reason": ""},
    "content_block": {"type": ""},
    "message": {"index": 0},
    "error": {"message": ""},
}
NAMES = st.sampled_from(sorted(set(keys(NAMED)))) | st.text(max_size=3)
KINDS = st.sampled_from(
    [
        *("message_start", "message_delta", "message_stop", "ping", "error"),
        *("content_block_start", "content_block_delta", "content_block_stop"),
        *("text", "text_delta", "thinking", "thinking_delta", "signature_delta"),
        *("tool_use", "input_json_delta", "citations_delta", "server_tool_use"),
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-1, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | KINDS
    | st.just(ANSWER_TOOL)
    | st.text(max_size=5)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4)
    ),
    max_leaves=10,
)
FIELDS = st.dictionaries(NAMES, JSON, max_size=3)
TYPED = st.builds(lambda fields, kind: {**fields, "type": kind}, FIELDS, KINDS)
EVENTS = JSON | st.builds(
    lambda fields, kind, index, inner: {
        **fields,
        "type": kind,
        "index": index,
        "delta": inner,
        "content_block": inner,
        "message": fields,
    },
    FIELDS,
    KINDS,
    st.integers(0, 2) | JSON,
    TYPED | JSON,
)


def survive(*pieces):
    read = Read(*pieces)
    assert read.text() == read.response.text
    assert read.reasoning() == (read.response.reasoning or "")
    assert [read.calls()[i] for i in range(len(read.calls()))] == [
        [call.id, call.name or None, call.raw_arguments]
        for call in read.response.tool_calls
    ]
    pickle.dumps(read.response)
    if read.error is not None:
        assert isinstance(read.error, LLMServiceError)
        assert str(read.error)


def sent(value):
    return b"data: " + json.dumps(value).encode() + b"\n\n"


@given(st.lists(EVENTS, max_size=6))
def test_arbitrary_events(events):
    survive(*map(sent, events))


@given(st.permutations(streamed(json.loads(WHOLE["anthropic_search"]), 9)))
def test_events_in_any_order(pieces):
    survive(*pieces)


SPOTS = [
    (n, path)
    for n, block in enumerate(RECORDED["anthropic_search"].split(b"\n\n")[:-1])
    for path in places(json.loads(block.partition(b"data: ")[2]))
]


def with_other_value(spot, value):
    blocks = RECORDED["anthropic_search"].split(b"\n\n")[:-1]
    values = [json.loads(block.partition(b"data: ")[2]) for block in blocks]
    n, path = spot
    values[n] = changed(values[n], path, value)
    return map(sent, values)


@pytest.mark.parametrize("spot", SPOTS)
def test_a_valid_stream_with_each_value_replaced(spot):
    for value in [None, True, -1, 10**400, 1.5, "", "x", [], [None], {}, {"a": []}]:
        survive(*with_other_value(spot, value))


@given(st.sampled_from(SPOTS), JSON)
def test_a_valid_stream_with_any_other_value_inside(spot, value):
    survive(*with_other_value(spot, value))


@given(st.sampled_from(sorted(RECORDED)), st.data())
def test_a_recorded_stream_with_damaged_bytes(name, data):
    whole = RECORDED[name]
    at = data.draw(st.integers(0, len(whole) - 1))
    damage = data.draw(st.binary(min_size=1, max_size=3))
    survive(whole[:at] + damage + whole[at + len(damage) :])


def test_a_stream_of_many_deltas_is_read_whole():
    piece = delta("text_delta", text="word ")
    read = Read(start(), begin(text("")), piece * 20_000, STOP)
    assert read.response == Read(start(), begin(text("word " * 20_000)), STOP).response
    assert len(read.events) == 20_000
    assert read.response.model == MODEL
