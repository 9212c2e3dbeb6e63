"""Whatever a server sends: a value or an error of the family, nothing else."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import re
import sys
from contextlib import suppress

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llm_adapter import LLMInvalidResponseError, LLMRequest, LLMServiceError, Tool
from llm_adapter._wire.body import count, excerpt, read_json
from llm_adapter._wire.embeddings import decode_embeddings
from llm_adapter._wire.error_bodies import read_error
from llm_adapter._wire.errors import (
    describes_error,
    error_from_answer,
    error_from_value,
)
from llm_adapter._wire.model_list import decode_models
from llm_adapter._wire.openai_chat import ChatDialect
from llm_adapter._wire.openai_chat_quirks import ChatQuirks
from llm_adapter._wire.token_count import decode_count
from llm_adapter.models import LLMResponse
from llm_adapter.providers import GROQ
from llm_adapter.providers.compatible import COMPATIBLE
from tests.wire.chat import DIALECT, END, WITHOUT_DONE, Read, event
from tests.wire.pieces import in_pieces
from tests.wire.recorded import RECORDED

EVERYTHING = ChatDialect(
    ChatQuirks(
        think_tags=True,
        keeps=frozenset({"reasoning_details", "extra_content", "thinking"}),
        sends_reasoning="reasoning",
        hidden_output=True,
        apart=("reasoning_tokens", "citation_tokens"),
    )
)
DIALECTS = [provider.dialects[0] for provider in (GROQ, *COMPATIBLE)] + [EVERYTHING]
TOOLS = [Tool("f")]

# -- the ways in ----------------------------------------------------------------------


def decode(body):
    response = DIALECT.decode(body)
    assert isinstance(response, LLMResponse)
    return response


def decode_everywhere(body):
    """Read an answer as every provider's, and send it back to every other."""
    for response in [dialect.decode(body) for dialect in DIALECTS]:
        request = LLMRequest("Hi", model="m", messages=[response.message], tools=TOOLS)
        for dialect in DIALECTS:
            msgspec.json.encode(dialect.encode(request, stream=True))


def stream_everywhere(body):
    """Read a stream as every provider's; what it says is what its deltas said."""
    for dialect in DIALECTS:
        read = Read(b"data: ", body, b"\n\n", END, dialect=dialect)
        pickle.dumps(read.response)
        told = read.text() + read.reasoning()
        said = read.response.text + (read.response.reasoning or "")
        assert dialect.quirks.think_tags or told == said
        if read.error is not None:
            raise read.error


def read_stream(*pieces):
    for dialect in (DIALECT, WITHOUT_DONE):
        read = Read(*pieces, dialect=dialect)
        assert read.error is None or isinstance(read.error, LLMServiceError)
        assert read.text() == read.response.text
        assert read.reasoning() == (read.response.reasoning or "")
        assert [read.calls()[i] for i in range(len(read.calls()))] == [
            [call.id, call.name or None, call.raw_arguments]
            for call in read.response.tool_calls
        ]
        if read.error is not None:
            raise read.error


def answer_error(body, status=400):
    raise error_from_answer(status, {}, body, now=0)


WAYS = {
    "decode": decode,
    "any provider": decode_everywhere,
    "any stream": stream_everywhere,
    "embeddings": lambda body: decode_embeddings(body, 1),
    "count": decode_count,
    "stream": lambda body: read_stream(b"data: ", body, b"\n\n"),
    "error event": lambda body: read_stream(b"event: error\ndata: ", body, b"\n\n"),
    "error answer": answer_error,
    "models": decode_models,
    "json": read_json,
}


def survive(body):
    """Send a body every way in; what comes out is a value or a usable error."""
    for name, way in WAYS.items():
        try:
            way(body)
        except LLMServiceError as error:
            assert str(error), name
            assert isinstance(error.retryable, bool)
            assert error.code is None or isinstance(error.code, str)
            assert type(pickle.loads(pickle.dumps(error))) is type(error)


# -- arbitrary bytes ------------------------------------------------------------------

SNIPPETS = st.sampled_from(
    [
        *rb'data: event:error [DONE] { } " [ ] : , null NaN 1e999 <html>'.split(),
        *rb'{"choices":[{"delta": {"content":"x"} }]} {"error": \ud800 0'.split(),
        *(b"\n", b"\n\n", b"\r\n", b" ", b"\xff", b"\xef\xbb\xbf"),
    ]
)
BYTES = st.binary(max_size=60) | st.lists(SNIPPETS, max_size=20).map(b"".join)


@given(BYTES)
@example(b"\xef\xbb\xbf" * 5000)
@example(b"[" * 100_000)
@example(b'{"error":' * 100_000)
@example(b"1" * 5000)
@example(b'"\\ud800"')
def test_arbitrary_bytes(body):
    survive(body)


@given(in_pieces(BYTES))
def test_arbitrary_bytes_of_a_stream_say_the_same_in_pieces(example):
    body, pieces = example
    whole, split = Read(body), Read(*pieces)
    assert (whole.text(), whole.complete) == (split.text(), split.complete)
    assert type(whole.error) is type(split.error)


# -- arbitrary JSON -------------------------------------------------------------------

VALID = [
    {
        "id": "c",
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Hi",
                    "reasoning": "Hm",
                    "refusal": None,
                    "reasoning_details": [{"text": "Hm"}],
                    "tool_calls": [
                        {
                            "index": 0,
                            "id": "a",
                            "type": "function",
                            "function": {"name": "f", "arguments": "{}"},
                        }
                    ],
                },
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 3,
            "completion_tokens": 4,
            "total_tokens": 7,
            "prompt_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
        "x_groq": {"id": "req", "usage": {"prompt_tokens": 3}},
    },
    {
        "error": {
            "message": "Please try again in 5s.",
            "type": "tokens",
            "param": None,
            "code": "rate_limit_exceeded",
            "status_code": 429,
            "failed_generation": "{",
            "details": {"error_code": "ramp_limit_exceeded"},
        },
        "request_id": "req",
    },
    {"detail": [{"loc": ["body", 0], "msg": "field required", "type": "missing"}]},
    {"object": "list", "data": [{"id": "m", "object": "model"}]},
    {"data": [{"index": 0, "embedding": [0.5]}], "input_tokens": 5},
    {
        "choices": [
            {
                "message": {
                    "content": [
                        {
                            "type": "thinking",
                            "thinking": [{"type": "text", "text": "H"}],
                        },
                        {"type": "text", "text": "<think>m</think>4"},
                    ],
                    "function_call": {"name": "f", "arguments": "{}"},
                },
                "finish_reason": "model_length",
            }
        ],
        "usage": {
            "prompt_tokens": 3,
            "completion_tokens": 4,
            "total_tokens": 9,
            "reasoning_tokens": 2,
            "citation_tokens": 1,
            "num_cached_tokens": 1,
        },
    },
    {
        "choices": [
            {
                "delta": {
                    "reasoning_details": [
                        {"type": "reasoning.text", "text": "H", "index": 0, "id": "r"},
                        {"type": "reasoning.text", "signature": "S", "index": 0},
                    ],
                    "tool_calls": [
                        {
                            "id": "a",
                            "function": {"name": "f"},
                            "extra_content": {"google": {"thought_signature": "S"}},
                        }
                    ],
                }
            }
        ]
    },
    [
        {
            "error": {
                "code": 429,
                "status": "RESOURCE_EXHAUSTED",
                "message": {"detail": "no"},
                "details": [
                    {"reason": "X", "violations": [{"quotaId": "PerDay"}]},
                    {"retryDelay": "46s"},
                ],
                "metadata": {"error_type": "timeout", "raw": "x", "reasons": ["y"]},
            }
        }
    ],
]


def keys(value):
    if isinstance(value, dict):
        yield from value
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from keys(item)


NAMES = st.sampled_from(
    sorted(set(keys(VALID)) | {"delta", "function_call"})
) | st.text(max_size=3)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, -1, 200, 429, 503, 2**63, -(2**64), 10**400])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        ["", "stop", "error", "rate_limit_exceeded", "{}", "<html>", "sk-"]
    )
    | st.text(max_size=20)
)
JSON = st.recursive(
    SCALARS,
    lambda values: (
        st.lists(values, max_size=4) | st.dictionaries(NAMES, values, max_size=5)
    ),
    max_leaves=15,
)


def written(value):
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


@given(JSON)
def test_arbitrary_json(value):
    survive(written(value))


@given(JSON)
def test_arbitrary_values_of_errors(value):
    assert isinstance(error_from_value(value), LLMServiceError)
    assert isinstance(read_error(value).message, str)
    assert isinstance(describes_error(value), bool)
    assert count(value) is None or 0 <= count(value) < 2**53


def places(value, path=()):
    """The paths of all values inside a value."""
    yield path
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, item in items:
        yield from places(item, (*path, key))


def changed(value, path, other):
    """A copy with another value at a path."""
    if not path:
        return other
    whole = inner = copy.deepcopy(value)
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = other
    return whole


def streamed(body):
    """The same answer as a chunk of a stream, and the other way round."""
    names = {b'"message"': b'"delta"', b'"delta"': b'"message"'}
    return re.sub(b'"(message|delta)"', lambda m: names[m[0]], written(body))


SPOTS = [(body, path) for body in VALID for path in places(body)]


@given(st.sampled_from(SPOTS), JSON)
def test_a_valid_body_with_any_other_value_inside(spot, value):
    body = changed(*spot, value)
    survive(written(body))
    survive(streamed(body))


@pytest.mark.parametrize(("body", "path"), SPOTS)
@pytest.mark.parametrize(
    "value", [None, True, 0, -1, 10**400, 1.5, "", "x", [], [None], {}, {"a": []}]
)
def test_a_valid_body_with_each_value_replaced(body, path, value):
    survive(written(changed(body, path, value)))
    survive(streamed(changed(body, path, value)))


@pytest.mark.parametrize("body", VALID)
@pytest.mark.parametrize("tail", [b"", b" ", b"]", b"}", b"\x00", b"{}"])
def test_a_valid_body_cut_anywhere(body, tail):
    whole = written(body)
    for end in range(len(whole)):
        survive(whole[:end] + tail)


@given(st.sampled_from(list(RECORDED.values())), st.data())
def test_a_recorded_stream_with_damaged_bytes(recorded, data):
    at = data.draw(st.integers(0, len(recorded) - 1))
    damage = data.draw(st.binary(min_size=1, max_size=3))
    damaged = recorded[:at] + damage + recorded[at + len(damage) :]
    for way in (read_stream, decode):
        try:
            way(damaged)
        except LLMServiceError as error:
            assert str(error)


# -- depth ----------------------------------------------------------------------------


def nested(depth):
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(("body", "path"), SPOTS)
@pytest.mark.parametrize("depth", [10, 180, 190, 200, 400, 900, 950, 10_000])
def test_json_nested_to_any_depth_anywhere(body, path, depth):
    survive(written(changed(body, path, "HERE")).replace(b'"HERE"', nested(depth)))


@pytest.mark.parametrize(
    ("depth", "is_deep"), [(1, False), (200, False), (201, True), (100_000, True)]
)
@pytest.mark.parametrize("between", [b"", b'"[[[]{",', b'"\\"[",' * 300])
def test_json_is_read_up_to_200_levels(depth, is_deep, between):
    body = b"[" * (depth - 1) + b"[" + between + b"0]" + b"]" * (depth - 1)
    if is_deep:
        with pytest.raises(LLMInvalidResponseError, match="nested too deeply"):
            read_json(body)
    else:
        pickle.dumps(read_json(body))


def test_a_stack_that_is_nearly_used_up_brings_no_other_error():
    def after(frames):
        return after(frames - 1) if frames else read_json(nested(190))

    with suppress(LLMInvalidResponseError):
        after(sys.getrecursionlimit() - len(inspect.stack()) - 100)


@pytest.mark.parametrize("depth", [600, 100_000])
@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"error":', b'[{"choices":'])
def test_json_nested_too_deeply_is_refused_or_read(depth, opening):
    for body in (opening * depth, event({}) + b"data: " + opening * depth + b"\n\n"):
        with pytest.raises(LLMServiceError):
            decode(body)


def test_json_nested_100000_deep_says_so():
    with pytest.raises(LLMInvalidResponseError, match="nested too deeply") as caught:
        decode(nested(100_000))
    assert not caught.value.retryable


# -- size -----------------------------------------------------------------------------


@pytest.mark.parametrize("tag", ["<", "<script ", "<style>", "<a <", "</", "< >"])
def test_a_page_of_tags_that_never_close_is_read_in_no_time(tag):
    assert len(excerpt("<html>" + tag * 100_000)) <= 203


def test_a_huge_answer_is_read():
    text = "x" * 20_000_000
    assert decode(written({"choices": [{"message": {"content": text}}]})).text == text


def test_a_stream_of_many_deltas_is_read_whole():
    delta = event({"choices": [{"delta": {"content": "word "}}]})
    tool = event({"choices": [{"delta": {"tool_calls": [{"index": 0}]}}]})
    read = Read(delta * 10_000, tool * 10_000, END)
    assert read.text() == "word " * 10_000
    assert len(read.events) == 20_000
