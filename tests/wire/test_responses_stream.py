"""Streams of the Responses API: what servers do, and what comes of it."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llm_adapter import (
    LLMAPIError,
    LLMContentPolicyError,
    LLMInvalidResponseError,
    LLMOverloadedError,
    LLMRateLimitError,
    LLMServerError,
    LLMServiceError,
    LLMStreamInterruptedError,
    TextDelta,
    Usage,
)
from llm_adapter.models import ReasoningDelta, ToolCall, ToolCallDelta
from tests.wire import chat
from tests.wire.pieces import byte_by_byte, in_pieces
from tests.wire.recorded import STYLES
from tests.wire.responses import (
    DIALECT,
    RECORDED,
    Read,
    added,
    answers,
    call,
    custom,
    decode,
    done,
    end,
    event,
    events_of,
    message,
    reasoning,
    text,
    whole,
    written,
)

# -- recorded streams -----------------------------------------------------------------

BROKEN = ("error", "failed")
"""The recorded streams that hold an error."""


@pytest.fixture(params=RECORDED)
def recorded(request):
    return RECORDED[request.param]


def test_every_cut_into_two_pieces_gives_the_same(recorded):
    whole = Read(recorded)
    for position in range(len(recorded) + 1):
        assert Read(recorded[:position], recorded[position:]) == whole, position


def test_byte_by_byte_gives_the_same(recorded):
    assert Read(*byte_by_byte(recorded)) == Read(recorded)


def in_several_lines(body):
    """The same stream with each JSON object on two data lines."""
    return body.replace(b'"type":"response', b'\ndata: "type":"response')


def without_names(body):
    """The same stream without the names of its events, which its data hold."""
    return re.sub(rb"(?m)^event: response.*\n", b"", body)


def without_types(body):
    """The same stream with nothing but the names of its events."""
    named = re.compile(rb'event: (response\.[a-z_.]+)\ndata: \{"type":"\1",')
    return named.sub(rb"event: \1\ndata: {", body)


@pytest.mark.parametrize(
    "style",
    [
        *(style for name, style in STYLES.items() if name != "in_several_lines"),
        in_several_lines,
        without_names,
        without_types,
    ],
    ids=lambda style: style.__name__,
)
def test_every_style_gives_the_same(recorded, style):
    styled = style(recorded)
    assert Read(styled) == Read(recorded)
    assert Read(*byte_by_byte(styled)) == Read(recorded)


def test_no_beginning_of_a_stream_is_taken_for_the_whole(recorded):
    whole = Read(recorded)
    last = recorded.rfind(b"data: {")
    for end_ in range(len(recorded)):
        cut = Read(recorded[:end_])
        ended = whole.complete and end_ >= recorded.find(b"\n", last)
        assert cut.complete is ended, end_
        assert cut.error is None or whole.error is not None


def test_the_deltas_together_are_the_response(recorded):
    read = Read(recorded)
    assert read.text() == read.response.text
    assert read.reasoning() == (read.response.reasoning or "")
    assert read.calls() == {
        place: [call.id, call.name, call.raw_arguments]
        for place, call in enumerate(read.response.tool_calls)
    }


def last_response(recorded):
    """The whole answer in the last event of a stream."""
    return json.loads(recorded.split(b"data: ")[-1])["response"]


@pytest.mark.parametrize("name", ["text", "tools", "refusal", "incomplete", "builtin"])
def test_a_stream_says_what_its_last_event_says_as_a_body(name):
    body = last_response(RECORDED[name])
    read = Read(RECORDED[name])
    assert read.response == DIALECT.decode(written(body))
    assert read.response.raw == {k: v for k, v in body.items() if v is not None}


def test_a_whole_body_that_is_a_stream_reads_like_the_stream():
    body = RECORDED["tools"]
    assert DIALECT.decode(body) == Read(body).response


def test_text_with_usage():
    response = Read(RECORDED["text"]).response
    assert response.text == "Ça va ? 👩‍🚀\n\nこんにちは"
    assert (response.id, response.model) == ("resp_01a", "gpt-6.1-sol-2026-10-27")
    assert (response.finish_reason, response.raw_finish_reason) == ("stop", "completed")
    assert response.provider_items == ()
    assert response.usage == Usage(
        input_tokens=2006,
        output_tokens=14,
        cached_input_tokens=1920,
        cache_write_tokens=64,
        reasoning_tokens=0,
        total_tokens=2020,
    )


def test_reasoning_and_tool_calls():
    response = Read(RECORDED["tools"]).response
    assert response.reasoning == (
        "**Plan**\nAsk for the weather 🌧.\n\n**Time**\nThen the zone."
    )
    assert response.text == "Let me look."
    assert response.tool_calls == (
        ToolCall("call_a", "get_weather", {"city": "Köln 🌧"}, '{"city":"Köln 🌧"}'),
        ToolCall("call_b", "get_time", {}, "{}"),
    )
    assert response.finish_reason == "tool_calls"


def test_reasoning_is_kept_as_the_last_event_has_it():
    (kept,) = Read(RECORDED["tools"]).response.provider_items
    assert kept["items"] == last_response(RECORDED["tools"])["output"]
    assert kept["items"][0]["encrypted_content"] == "gAAA-completed"


def test_a_refusal():
    response = Read(RECORDED["refusal"]).response
    assert response.refusal == "I'm sorry, I cannot help with that."
    assert (response.text, response.finish_reason) == ("", "content_filter")


def test_an_answer_that_was_cut_at_its_limit():
    response = Read(RECORDED["incomplete"]).response
    assert (response.text, response.finish_reason) == ("Once upon", "length")
    assert response.raw_finish_reason == "max_output_tokens"


def test_a_gateway_that_changes_ids_and_ends_with_done():
    response = Read(RECORDED["gateway"]).response
    assert (response.reasoning, response.text) == ("Hm — ja?", "Ja 🙂")
    assert response.finish_reason == "stop"


def test_tools_of_the_provider_are_kept_and_custom_ones_are_called():
    response = Read(RECORDED["builtin"]).response
    assert response.text == "See [1]."
    assert response.tool_calls == (
        ToolCall("call_sql", "sql", {}, "SELECT 'é';", invalid=True),
    )
    (kept,) = response.provider_items
    assert [item["type"] for item in kept["items"]] == [
        "web_search_call",
        "message",
        "custom_tool_call",
    ]


def test_a_server_that_sends_nothing_but_whole_items():
    read = Read(RECORDED["sparse"])
    assert read.events == [
        ReasoningDelta("Kurz."),
        TextDelta("Gut, "),
        ToolCallDelta(0, "call_1", "f", '{"größe": 1}'),
    ]
    assert read.response.finish_reason == "tool_calls"
    assert (read.response.model, read.response.tokens_used) == ("qwen3", 11)


@pytest.mark.parametrize(
    ("name", "kind", "before", "code"),
    [
        ("failed", LLMServerError, "Half an answer ½", "server_error"),
        ("error", LLMRateLimitError, "One", "rate_limit_exceeded"),
    ],
)
def test_an_error_in_the_stream_comes_after_what_was_said(name, kind, before, code):
    read = Read(RECORDED[name])
    assert type(read.error) is kind
    assert (read.error.status_code, read.error.code) == (200, code)
    assert (read.text(), read.response.text) == (before, before)
    assert (read.complete, read.response.finish_reason) == (False, "error")
    with pytest.raises(kind):
        DIALECT.decode(RECORDED[name])


def test_what_a_failed_answer_cost_is_known():
    assert Read(RECORDED["failed"]).response.tokens_used == 13


def test_an_error_in_a_stream_may_name_a_wait():
    assert Read(RECORDED["error"]).error.retry_after == 7.5


# -- whole answers as streams ---------------------------------------------------------

KINDS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(["deltas", "wholes", "items"], st.booleans())
)


def told(read):
    """What a caller has put together from the deltas."""
    calls = read.calls()
    return (
        read.text(),
        read.reasoning(),
        [calls[place] for place in sorted(calls)],
    )


def says(response):
    calls = [[c.id, c.name, c.raw_arguments] for c in response.tool_calls]
    return response.text, response.reasoning or "", calls


@given(answers(), KINDS)
def test_a_stream_says_what_the_whole_body_says(answer, kinds):
    read = Read(*events_of(answer, **kinds))
    response = DIALECT.decode(written(answer))
    assert (read.complete, read.error) == (True, None)
    assert read.response == response
    assert told(read) == says(response)


@given(answers(), KINDS.filter(lambda kinds: kinds.get("items", True)))
def test_what_the_last_event_leaves_out_is_taken_from_the_others(answer, kinds):
    read = Read(*events_of(answer, **kinds, output=False))
    response = DIALECT.decode(written(answer))
    assert read.response == response
    assert told(read) == says(response)


@given(answers())
def test_a_call_is_told_once_where_no_fragments_come(answer):
    read = Read(*events_of(answer, deltas=False))
    deltas = [each for each in read.events if isinstance(each, ToolCallDelta)]
    assert deltas == [
        ToolCallDelta(place, c.id, c.name, c.raw_arguments)
        for place, c in enumerate(read.response.tool_calls)
    ]


@given(answers(), st.data())
def test_a_stream_that_ends_early_has_told_what_its_response_holds(answer, data):
    events = list(events_of(answer))
    read = Read(*events[: data.draw(st.integers(0, len(events) - 1))])
    assert (read.complete, read.error) == (False, None)
    assert told(read) == says(read.response)
    assert read.response.finish_reason == "error"
    assert read.response.provider_items == ()


@given(in_pieces(answers().map(lambda answer: b"".join(events_of(answer)))))
def test_pieces_of_any_size_give_the_same(example):
    body, pieces = example
    assert Read(*pieces) == Read(body)


# -- events ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "delta"),
    [
        (text("Hi"), TextDelta("Hi")),
        (text("Hi", item_id="a", output_index=3, content_index=1), TextDelta("Hi")),
        (text("Hi", output_index="0", content_index=None), TextDelta("Hi")),
        (event("reasoning_text.delta", delta="Hm"), ReasoningDelta("Hm")),
        (event("reasoning_summary_text.delta", delta="Hm"), ReasoningDelta("Hm")),
        (event("output_text.done", text="Hi"), TextDelta("Hi")),
        (event("reasoning_text.done", text="Hm"), ReasoningDelta("Hm")),
        (done(message("Hi")), TextDelta("Hi")),
        (done(call()), ToolCallDelta(0, "call_1", "f", "{}")),
        (end(message("Hi")), TextDelta("Hi")),
        (end(reasoning("Hm")), ReasoningDelta("Hm")),
        (end(call()), ToolCallDelta(0, "call_1", "f", "{}")),
    ],
)
def test_a_delta_is_told_as_it_comes(written, delta):
    assert Read(written).events == [delta]


@pytest.mark.parametrize(
    "written",
    [
        chat.event(None),
        chat.event([]),
        chat.event(5),
        chat.event("text"),
        chat.event({}),
        chat.event({"type": None}),
        chat.event({"type": "ping"}),
        event("web_search_call.searching", item_id="a"),
        event("mcp_call.failed", error={"message": "no"}),
        event("brand_new", detail="x"),
        event("brand_new", item=message("x")),
        event("created", response=None),
        event("output_text.annotation.added", annotation={}),
        event("refusal.delta", delta="No."),
        event("function_call_arguments.delta", delta="{"),
        text(None),
        text(""),
        text(5),
        event("output_text.done", text=None),
        added(None),
        added({}),
        added(message("Hi")),
        added(call(arguments='{"a": 1}')),
        done(None),
        done({}),
        done({"type": "mcp_call", "output": "x"}),
        done(message()),
        done(message(None, {"type": "output_audio"})),
        done(reasoning()),
        b"data:\n\n",
        b"data: \n\n",
        chat.DONE,
    ],
)
def test_an_event_without_content_says_nothing(written):
    read = Read(written, text("Hi"), end(message("Hi")))
    assert read.events == [TextDelta("Hi")]
    assert read.response == decode(message("Hi"))


def test_an_event_may_be_named_outside_its_data():
    assert Read(b'event: response.output_text.delta\ndata: {"delta": "Hi"}\n\n').text()


def test_what_was_told_is_not_told_again():
    read = Read(
        text("Hi", output_index=0),
        event("output_text.done", text="Hi", output_index=0, content_index=0),
        done(message("Hi"), output_index=0),
        end(message("Hi")),
    )
    assert read.events == [TextDelta("Hi")]


def test_the_rest_of_a_part_is_told_with_its_end():
    read = Read(text("Hel", content_index=0), event("output_text.done", text="Hello"))
    assert read.events == [TextDelta("Hel"), TextDelta("lo")]


def test_an_end_that_says_otherwise_is_the_answer_and_is_not_told_twice():
    read = Read(text("Hi"), done(message("Hallo")), end(message("Hullo")))
    assert (read.text(), read.response.text) == ("Hi", "Hullo")


# -- which item -----------------------------------------------------------------------


def fragment(piece, **fields):
    return event("function_call_arguments.delta", delta=piece, **fields)


TWO = [("a", "f", "{}"), ("b", "g", '{"x":1}')]


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(
            [
                added(call("a", id="1"), output_index=0),
                added(call("b", "g", id="2"), output_index=1),
                fragment("{", item_id="1", output_index=0),
                fragment('{"x"', item_id="2", output_index=1),
                fragment("}", item_id="1", output_index=0),
                fragment(":1}", item_id="2", output_index=1),
            ],
            id="by id and index, interleaved",
        ),
        pytest.param(
            [
                added(call("b", "g", id="2")),
                added(call("a", id="1")),
                fragment("{}", item_id="1"),
                fragment('{"x":1}', item_id="2"),
            ],
            id="by id alone, the second first",
        ),
        pytest.param(
            [
                added(call("a"), output_index=4),
                fragment("{", output_index=4),
                added(call("b", "g"), output_index=7),
                fragment('{"x":1}', output_index=7),
                fragment("}", output_index=4),
            ],
            id="by index alone, with gaps",
        ),
        pytest.param(
            [
                added(call("a", id="1"), output_index=0),
                fragment("{}", item_id="x", output_index=0),
                done(call("a", id="y"), output_index=0),
                added(call("b", "g", id="2"), output_index=1),
                fragment('{"x":1}', item_id="z", output_index=1),
                done(call("b", "g", '{"x":1}', id="w"), output_index=1),
            ],
            id="another id with every event",
        ),
        pytest.param(
            [
                added(call("a", id="1"), output_index=0),
                fragment("{}", item_id="1", output_index=0),
                added(call("b", "g", id="2"), output_index=0),
                fragment('{"x"', item_id="2", output_index=0),
                fragment(":1}", item_id="2", output_index=0),
                done(call("a", id="1"), output_index=0),
                done(call("b", "g", '{"x":1}', id="2"), output_index=0),
            ],
            id="every index is 0",
        ),
        pytest.param(
            [
                added(call("a")),
                fragment("{}"),
                done(call("a")),
                added(call("b", "g")),
                fragment('{"x"'),
                fragment(":1}"),
                done(call("b", "g", '{"x":1}')),
            ],
            id="neither id nor index",
        ),
        pytest.param(
            [
                fragment("{}", item_id="1"),
                done(call("a", id="1")),
                fragment('{"x":1}', item_id="2"),
                done(call("b", "g", '{"x":1}', id="2")),
            ],
            id="no beginning",
        ),
        pytest.param(
            [
                done(call("a"), output_index=0),
                done(call("b", "g", '{"x":1}'), output_index=0),
            ],
            id="only ends, every index is 0",
        ),
        pytest.param(
            [
                added(call("a", id="1")),
                added(call("a", id="1")),
                fragment("{}", item_id="1"),
                done(call("a", id="1")),
                done(call("a", id="1")),
                done(call("b", "g", {"x": 1}, id="2")),
            ],
            id="events repeated, arguments as an object",
        ),
        pytest.param(
            [
                added({"type": "function_call", "id": "1"}),
                fragment("{}", item_id="1"),
                done(call("a", id="1")),
                added(call("b", "g", id="2")),
                added({"type": "message", "id": "2"}),
                fragment('{"x":1}'),
            ],
            id="the call's id at its end",
        ),
    ],
)
@pytest.mark.parametrize("output", [(), (call("a"), call("b", "g", '{"x":1}'))])
def test_fragments_of_tool_calls_find_their_call(events, output):
    read = Read(*events, end(*output))
    calls = sorted(tuple(each) for each in read.calls().values())
    assert calls == TWO
    assert {(c.id, c.name, c.raw_arguments) for c in read.response.tool_calls} == set(
        TWO
    )


def test_id_and_name_come_with_the_first_piece_of_a_call_only():
    read = Read(added(call()), fragment("{"), fragment("}"), end(call()))
    assert read.events == [
        ToolCallDelta(0, "call_1", "f", "{"),
        ToolCallDelta(0, None, None, "}"),
    ]


def test_calls_are_told_in_the_order_in_which_they_begin():
    read = Read(added(call("a", id="1")), added(call("b", id="2")), fragment("{}"))
    assert read.events == [ToolCallDelta(0, "a", "f"), ToolCallDelta(1, "b", "f", "{}")]


def test_a_call_of_which_nothing_came_but_its_name_is_told_at_the_end():
    read = Read(added(call()), event("completed"))
    assert read.events == [ToolCallDelta(0, "call_1", "f")]
    assert read.response.tool_calls == (ToolCall("call_1", "f"),)


def test_a_call_of_which_nothing_came_but_its_name_is_not_in_a_cut_answer():
    read = Read(added(call()))
    assert (read.events, read.response.tool_calls) == ([], ())


def test_a_call_that_the_end_does_not_know_is_not_told():
    read = Read(added(call("a")), end(call("b")))
    assert read.events == [ToolCallDelta(0, "b", "f", "{}")]


def test_a_call_without_arguments_is_told_with_its_end():
    item = call(arguments="")
    assert Read(added(item), done(item)).events == [ToolCallDelta(0, "call_1", "f")]


def test_calls_that_only_the_end_knows_are_counted_on():
    read = Read(done(call("a")), end(call("a"), call("b"), call("c")))
    assert read.events == [
        ToolCallDelta(0, "a", "f", "{}"),
        ToolCallDelta(1, "b", "f", "{}"),
        ToolCallDelta(2, "c", "f", "{}"),
    ]


def test_calls_with_the_same_id_are_two():
    read = Read(done(call("a")), end(call("a"), call("a")))
    assert read.events == [
        ToolCallDelta(0, "a", "f", "{}"),
        ToolCallDelta(1, "a", "f", "{}"),
    ]


def test_the_rest_of_a_call_is_told_at_the_end():
    two = [call("a"), call("b")]
    read = Read(*map(added, two), fragment("{"), end(*two))
    assert read.events == [
        ToolCallDelta(0, "a", "f"),
        ToolCallDelta(1, "b", "f", "{"),
        ToolCallDelta(0, None, None, "{}"),
        ToolCallDelta(1, None, None, "}"),
    ]


@pytest.mark.parametrize("known", [{"call_id": "a"}, {"name": "f"}])
def test_a_call_is_told_once_its_id_and_its_name_are_known(known):
    begun = {"type": "function_call", "id": "1", **known}
    read = Read(added(begun), fragment("{"), done(call("a", id="1")))
    assert read.events == [ToolCallDelta(0, "a", "f", "{}")]


def test_a_call_without_an_id_gets_one_that_stays():
    unnamed = {"type": "function_call", "name": "f", "arguments": "{}"}
    read = Read(done(unnamed), done(unnamed), end(unnamed, unnamed))
    first, second = read.response.tool_calls
    assert re.fullmatch("call_[0-9a-f]{24}", first.id)
    assert first.id != second.id
    assert [each[0] for each in read.calls().values()] == [first.id, second.id]


def test_the_id_of_the_item_stands_in_for_the_id_of_the_call():
    unnamed = {"type": "function_call", "id": "fc_1", "name": "f", "arguments": "{}"}
    read = Read(added(unnamed), fragment("{}"), done(unnamed), end(unnamed))
    assert read.events == [ToolCallDelta(0, "fc_1", "f", "{}")]


def test_the_input_of_a_custom_tool_is_told_like_arguments():
    piece = event("custom_tool_call_input.delta", delta="SELECT 1")
    assert Read(added(custom()), piece, end(custom())).events == [
        ToolCallDelta(0, "call_1", "sql", "SELECT 1")
    ]


def test_texts_without_id_and_index_go_on_until_their_message_is_done():
    read = Read(
        text("a"), text("b"), done(message("ab")), text("c"), event("completed")
    )
    assert (read.text(), read.response.text) == ("abc", "abc")


def test_texts_of_several_items_and_parts_are_put_together_in_order():
    read = Read(
        text("b", item_id="1", content_index=1),
        text("a", item_id="1", content_index=0),
        text("c", item_id="2"),
        event("completed"),
    )
    assert read.response.text == "abc"


# -- reasoning ------------------------------------------------------------------------


def summary(piece, index=0, **fields):
    return event(
        "reasoning_summary_text.delta", delta=piece, summary_index=index, **fields
    )


def thought(piece, index=0, **fields):
    return event("reasoning_text.delta", delta=piece, content_index=index, **fields)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([summary("a"), summary("b")], "ab"),
        ([summary("a"), summary("b", 1)], "a\n\nb"),
        ([thought("a"), thought("b"), thought("c", 1)], "ab\n\nc"),
        ([summary("a", item_id="1"), summary("b", item_id="2")], "a\n\nb"),
        ([summary("a"), thought("b")], "a"),
        ([thought("a"), summary("b")], "a"),
        ([thought("a", item_id="1"), summary("b", item_id="2")], "a\n\nb"),
    ],
)
def test_streamed_reasoning_is_the_responses_reasoning(events, expected):
    read = Read(*events, event("completed"))
    assert read.reasoning() == read.response.reasoning == expected


def test_reasoning_that_came_before_its_summary_stays_the_response_s():
    item = reasoning("short", content=["long"], id="1")
    read = Read(thought("long", item_id="1"), summary("short", item_id="1"), end(item))
    assert read.reasoning() == read.response.reasoning == "long"


def test_of_reasoning_that_only_the_end_knows_the_summary_counts():
    item = reasoning("short", content=["long"], id="1")
    assert Read(added(item), end(item)).response.reasoning == "short"


def test_encrypted_content_is_never_taken_from_the_beginning_of_an_item():
    item = reasoning("Hm", encrypted_content="incomplete", id="1")
    read = Read(added(item), summary("Hm", item_id="1"), event("completed"))
    (kept,) = read.response.provider_items
    assert kept["items"] == [reasoning("Hm", id="1")]


def test_encrypted_content_is_taken_from_the_end_of_an_item():
    begun = reasoning(encrypted_content="incomplete", id="1")
    item = reasoning("Hm", encrypted_content="whole", id="1")
    (kept,) = Read(added(begun), done(item), event("completed")).response.provider_items
    assert kept["items"] == [item]


def test_a_beginning_that_comes_after_the_end_of_its_item_changes_nothing():
    item = reasoning("Hm", encrypted_content="whole", id="1")
    (kept,) = Read(done(item), added(item), event("completed")).response.provider_items
    assert kept["items"] == [item]


# -- items without an end -------------------------------------------------------------


def test_a_refusal_in_pieces_is_put_together():
    pieces = [event("refusal.delta", delta="No, "), event("refusal.delta", delta="no.")]
    response = Read(*pieces, event("completed")).response
    assert (response.refusal, response.finish_reason) == ("No, no.", "content_filter")


@pytest.mark.parametrize(
    ("begun", "piece", "item"),
    [
        (
            reasoning(id="1"),
            thought("Hm", item_id="1"),
            reasoning(content=["Hm"], id="1"),
        ),
        (
            message(id="1", phase="commentary"),
            text("Hi", item_id="1"),
            message("Hi", id="1", phase="commentary"),
        ),
        (
            custom(id="1", input=""),
            event("custom_tool_call_input.delta", delta="SELECT 1", item_id="1"),
            custom(id="1"),
        ),
        (
            {"type": "brand_new", "id": "1"},
            text("Hi"),
            {"type": "brand_new", "id": "1"},
        ),
    ],
)
def test_an_item_without_an_end_is_kept_as_far_as_it_came(begun, piece, item):
    (kept,) = Read(added(begun), piece, event("completed")).response.provider_items
    assert kept["items"][0] == item


# -- the end --------------------------------------------------------------------------


def test_what_follows_the_end_is_not_read():
    decoder = DIALECT.stream_decoder()
    decoder.feed(end(message("Hi")))
    assert decoder.feed(text("more") + event("failed")) == []
    assert (decoder.complete, decoder.error) == (True, None)
    assert decoder.response().text == "Hi"


@pytest.mark.parametrize("last", [b"", chat.DONE, event("output_text.done", text="Hi")])
def test_a_body_without_a_last_response_is_not_complete(last):
    read = Read(text("Hi"), last)
    assert (read.complete, read.response.finish_reason) == (False, "error")
    with pytest.raises(LLMStreamInterruptedError) as caught:
        DIALECT.decode(text("Hi") + last)
    assert caught.value.partial.text == "Hi"


def test_a_stream_cut_within_its_last_event_is_cut_and_not_unreadable():
    read = Read(text("Hi"), end(message("Hi"))[:-9])
    assert (read.text(), read.complete, read.error) == ("Hi", False, None)


def test_an_unreadable_event_within_the_stream_is_an_error():
    read = Read(text("Hi"), b"data: {oops\n\n", end())
    assert isinstance(read.error, LLMInvalidResponseError)
    assert (read.text(), read.complete) == ("Hi", False)


def test_nothing_is_told_after_an_error():
    decoder = DIALECT.stream_decoder()
    decoder.feed(b"data: {oops\n\n")
    first = decoder.error
    assert decoder.feed(text("Hi") + b"data: {again\n\n") == []
    assert decoder.error is first


def test_the_first_error_counts_even_if_the_stream_then_grows_too_large(monkeypatch):
    monkeypatch.setattr("llm_adapter._wire.sse.MAX_EVENT_BYTES", 10)
    decoder = DIALECT.stream_decoder()
    decoder.feed(b"data: {oops\n\n")
    first = decoder.error
    decoder.feed(b"data: more than ten bytes")
    assert decoder.error is first


@pytest.mark.parametrize(
    ("type", "response", "raw", "standard"),
    [
        ("completed", {}, "completed", "stop"),
        ("completed", {"status": None}, "completed", "stop"),
        ("incomplete", {}, "incomplete", "unknown"),
        (
            "incomplete",
            {"incomplete_details": {"reason": "content_filter"}},
            "content_filter",
            "content_filter",
        ),
        ("completed", {"status": "cancelled"}, "cancelled", "error"),
    ],
)
def test_the_last_event_names_the_status_where_its_response_does_not(
    type, response, raw, standard
):
    began = event("created", response={"status": "in_progress"})
    response = Read(began, text("Hi"), event(type, response=response)).response
    assert (response.raw_finish_reason, response.finish_reason) == (raw, standard)


@pytest.mark.parametrize(
    "output",
    [
        [reasoning("Hm"), call()],
        [reasoning("Hm"), message(), call()],
        [message("Hi"), call()],
        [reasoning("Hm"), message("Hi")],
    ],
)
def test_an_output_that_lacks_what_was_told_is_not_the_answer(output):
    told = reasoning("Hm"), message("Hi"), call()
    assert Read(*map(done, told), end(*output)).response == decode(*told)


def test_what_the_last_event_lacks_of_the_response_is_taken_from_the_first():
    began = event("created", response=whole(id="r", model="m", usage={}))
    ended = event("completed", response={"id": None, "usage": {"total_tokens": 5}})
    response = Read(began, text("Hi"), ended).response
    assert (response.id, response.model) == ("r", "m")
    assert response.usage == Usage(total_tokens=5)


# -- errors inside --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "kind", "told"),
    [
        pytest.param(
            event("failed", response={"error": {"code": "server_error"}}),
            LLMServerError,
            "The provider had an internal error.",
            id="failed",
        ),
        pytest.param(
            event(
                "failed",
                response={"error": {"code": "invalid_prompt", "message": "no"}},
            ),
            LLMContentPolicyError,
            "no",
            id="failed, by its code",
        ),
        pytest.param(
            event("failed", response={"status": "completed", "error": "text"}),
            LLMAPIError,
            "text",
            id="failed, whatever its status says",
        ),
        pytest.param(
            event("completed", response={"status": "failed", "error": "text"}),
            LLMAPIError,
            "text",
            id="completed, but failed",
        ),
        pytest.param(
            event("failed", response=None),
            LLMServerError,
            "The provider gave up on its answer without saying why.",
            id="failed without a word",
        ),
        pytest.param(
            chat.event({"type": "error", "code": "server_error", "message": "oops"}),
            LLMServerError,
            "oops",
            id="fields at the top",
        ),
        pytest.param(
            chat.event({"type": "error", "error": {"code": 503, "message": "oops"}}),
            LLMOverloadedError,
            "oops",
            id="fields inside",
        ),
        pytest.param(
            chat.event({"error": {"message": "oops", "code": "rate_limit_exceeded"}}),
            LLMRateLimitError,
            "oops",
            id="without a type",
        ),
        pytest.param(
            chat.event({"object": "error", "type": "api_error", "message": "oops"}),
            LLMServerError,
            "oops",
            id="flat",
        ),
        pytest.param(
            b"event: error\ndata: overloaded\n\n", LLMAPIError, "overloaded", id="words"
        ),
        pytest.param(
            b'error: {"code": 503, "message": "Loading model"}\n\n',
            LLMOverloadedError,
            "Loading model",
            id="a field named error",
        ),
    ],
)
def test_an_error_in_a_stream_is_found_in_every_form(written, kind, told):
    read = Read(text("Hi"), written, end(message("Hi")))
    assert type(read.error) is kind
    assert read.error.message == told
    assert read.error.status_code == (503 if kind is LLMOverloadedError else 200)
    assert (read.text(), read.response.text, read.complete) == ("Hi", "Hi", False)


def test_what_a_failed_answer_holds_is_told_before_its_error():
    read = Read(end(message("Hi"), type="failed", error={"message": "oops"}))
    assert (read.text(), read.response.text) == ("Hi", "Hi")
    assert read.error.message == "oops"


# -- whatever a server sends ----------------------------------------------------------

TYPES = sorted(
    set(re.findall(r'"type":"([a-z_.]+)"', b"".join(RECORDED.values()).decode()))
)
KEYS = sorted(set(re.findall(r'"([a-z_]+)":', b"".join(RECORDED.values()).decode())))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-1, 3)
    | st.sampled_from([2**63, 10**400])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(TYPES)
    | st.text(max_size=5)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=12,
)
EVENTS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6) | VALUES


def survive(*pieces):
    """Read a stream; what comes out is deltas, a response or a usable error."""
    read = Read(*pieces)
    assert read.error is None or isinstance(read.error, LLMServiceError)
    assert all(
        isinstance(each, TextDelta | ReasoningDelta | ToolCallDelta)
        for each in read.events
    )
    assert isinstance(read.response.text, str)
    assert not (read.complete and read.error)
    return read


@st.composite
def typed(draw):
    """An event of a known type whose other fields are anything."""
    value = draw(EVENTS)
    return {
        **(value if isinstance(value, dict) else {}),
        "type": draw(st.sampled_from(TYPES)),
    }


@given(st.lists(EVENTS | typed(), max_size=5))
@example([{"type": "response.completed", "response": {"output": [{"type": []}]}}])
def test_arbitrary_events(values):
    pieces = [chat.event(value) for value in values]
    assert survive(*pieces) == survive(b"".join(pieces))


def changed(value, data):
    """A copy with another value somewhere inside."""
    if not value or not isinstance(value, dict | list) or data.draw(st.booleans()):
        return data.draw(VALUES)
    copy = value.copy()
    places = sorted(copy) if isinstance(copy, dict) else range(len(copy))
    place = data.draw(st.sampled_from(places))
    copy[place] = changed(copy[place], data)
    return copy


@given(st.sampled_from(list(RECORDED.values())), st.data())
def test_a_recorded_stream_with_any_other_value_inside(recorded, data):
    events = [json.loads(each) for each in re.findall(rb"data: (\{.*)", recorded)]
    place = data.draw(st.integers(0, len(events) - 1))
    events[place] = changed(events[place], data)
    survive(*map(chat.event, events))


@given(st.sampled_from(list(RECORDED.values())), st.data())
def test_a_recorded_stream_with_damaged_bytes(recorded, data):
    at = data.draw(st.integers(0, len(recorded) - 1))
    damage = data.draw(st.binary(min_size=1, max_size=3))
    survive(recorded[:at] + damage + recorded[at + len(damage) :])


@given(st.sampled_from(list(RECORDED.values())), st.data())
def test_a_recorded_stream_with_events_lost_doubled_and_out_of_order(recorded, data):
    events = re.findall(rb"data: .*", recorded)
    chosen = data.draw(st.lists(st.sampled_from(events), max_size=len(events)))
    survive(*(each + b"\n\n" for each in chosen))


def test_a_stream_of_many_deltas_is_read_whole():
    item = call("a")
    read = Read(
        text("word ", output_index=0) * 10_000,
        added(item, output_index=1),
        fragment("{}", output_index=1) * 10_000,
        end(message("word " * 10_000), {**item, "arguments": "{}" * 10_000}),
    )
    assert read.text() == read.response.text == "word " * 10_000
    assert len(read.events) == 20_000
