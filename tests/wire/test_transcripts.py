"""Recorded streams: what they say, in every style and on every split of the bytes."""

from __future__ import annotations

import pytest

from llm_adapter import (
    LLMAPIError,
    LLMContextLengthError,
    LLMInvalidResponseError,
    LLMServerError,
    LLMStreamInterruptedError,
    Usage,
)
from llm_adapter.models import ToolCall
from tests.wire.chat import DIALECT, WITHOUT_DONE, Read
from tests.wire.pieces import byte_by_byte
from tests.wire.recorded import RECORDED, STYLES


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


def test_no_beginning_of_a_stream_is_taken_for_the_whole(recorded):
    whole = Read(recorded)
    done = recorded.find(b"[DONE]") + len(b"[DONE]")
    for end in range(len(recorded)):
        cut = Read(recorded[:end])
        assert cut.complete is (whole.complete and end >= done)
        assert cut.error is None or whole.error is not None


def test_the_deltas_together_are_the_response(recorded):
    read = Read(recorded)
    assert read.text() == read.response.text
    assert read.reasoning() == (read.response.reasoning or "")
    assert read.calls() == {
        place: [call.id, call.name, call.raw_arguments]
        for place, call in enumerate(read.response.tool_calls)
    }


def test_a_whole_body_that_is_a_stream_reads_like_the_stream():
    body = RECORDED["groq_reasoning"]
    assert DIALECT.decode(body) == Read(body).response


def test_groq_with_reasoning():
    response = Read(RECORDED["groq_reasoning"]).response
    assert response.text == "Grüß dich 👋🏽\n\nこんにちは 😀"
    assert response.reasoning == "The user greets in 日本語."
    assert (response.finish_reason, response.raw_finish_reason) == ("stop", "stop")
    assert response.model == "openai/gpt-oss-120b"
    assert (response.id, response.request_id) == ("chatcmpl-2cf5b4a2", "req_01kapz")
    assert response.usage == Usage(
        input_tokens=78,
        output_tokens=41,
        cached_input_tokens=64,
        reasoning_tokens=23,
        total_tokens=119,
    )


def test_groq_with_tool_calls_in_fragments():
    response = Read(RECORDED["groq_tools"]).response
    assert response.tool_calls == (
        ToolCall("fc_a", "get_weather", {"city": "Köln 🌧"}, '{"city": "Köln 🌧"}'),
        ToolCall("fc_b", "get_time", {"zone": "CET"}, '{"zone":"CET"}'),
    )
    assert response.finish_reason == "tool_calls"
    assert response.tokens_used == 210


def test_openai_with_usage_in_a_chunk_without_choices():
    response = Read(RECORDED["openai_usage"]).response
    assert response.text == "Ça va ? 👩‍🚀"
    assert response.usage.cached_input_tokens == 1920
    assert response.tokens_used == 2306


def test_openai_with_a_refusal():
    response = Read(RECORDED["openai_refusal"]).response
    assert response.refusal == "I'm sorry, I cannot help with that."
    assert (response.text, response.finish_reason) == ("", "content_filter")


def test_a_server_that_ends_without_done_is_complete_where_that_is_known():
    read = Read(RECORDED["llama_cpp"], dialect=WITHOUT_DONE)
    assert read.complete
    assert read.response.finish_reason == "length"
    assert (read.response.text, read.response.reasoning) == ("Ja 🙂", "Hm — ")
    assert read.response.model == "qwen3"


def test_a_server_that_ends_without_done_is_cut_where_done_is_expected():
    read = Read(RECORDED["llama_cpp"])
    assert not read.complete
    assert read.error is None
    assert read.response.finish_reason == "error"
    with pytest.raises(LLMStreamInterruptedError) as caught:
        DIALECT.decode(RECORDED["llama_cpp"])
    assert caught.value.partial.text == "Ja 🙂"


@pytest.mark.parametrize(
    ("name", "kind", "before", "status", "code"),
    [
        (
            "groq_tool_use_failed",
            LLMInvalidResponseError,
            "Let me see",
            400,
            "tool_use_failed",
        ),
        ("groq_stopped_early", LLMAPIError, "Half an", 200, None),
        ("openai_data_error", LLMServerError, "One", 200, "server_error"),
        (
            "llama_cpp_error",
            LLMContextLengthError,
            "Ja",
            400,
            "exceed_context_size_error",
        ),
    ],
)
def test_an_error_in_the_stream_comes_after_what_was_said(
    name, kind, before, status, code
):
    read = Read(RECORDED[name])
    assert type(read.error) is kind
    assert (read.error.status_code, read.error.code) == (status, code)
    assert read.text() == before
    assert not read.complete
    with pytest.raises(kind):
        DIALECT.decode(RECORDED[name])


def test_the_generation_that_groq_rejected_in_a_stream_is_kept():
    assert Read(RECORDED["groq_tool_use_failed"]).error.failed_generation == ""
