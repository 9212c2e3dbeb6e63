"""What the recorder asks, by kind of server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs

from tests.local_server.requests import (
    ENDLESS,
    FORECAST,
    PLAIN,
    THINKING,
    TOOL,
    UNENDING,
    saying,
)

Json = Mapping[str, Any]

CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"
MESSAGES = "/v1/messages"
EMBEDDINGS = "/v1/embeddings"


@attrs.frozen
class Situation:
    """A request; None as its body asks with GET."""

    name: str
    path: str
    body: Json | bytes | None = None
    headers: Mapping[str, str] = {}

    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body, ensure_ascii=False).encode()

    def readable(self) -> Any:
        """The request as a JSON value, with what is long in short."""
        if isinstance(self.body, bytes):
            return self.body.decode()
        short = json.dumps(self.body).replace(_LONG, _LONG[:20] + "...")
        return json.loads(short)


def streamed(situation: Situation) -> Situation:
    assert isinstance(situation.body, Mapping)
    return attrs.evolve(situation, body={**situation.body, "stream": True})


def chat(name: str, body: Json = PLAIN, **fields: Any) -> Situation:
    return Situation(f"chat_{name}", CHAT, {**body, **fields})


def _schema(schema: Json) -> Json:
    return {"type": "json_schema", "json_schema": {"name": "it", "schema": schema}}


# Three thousand tokens, and more than the context.
_LONG = "long " * 600
_FORCED = {"tools": [TOOL], "tool_choice": "required"}
_USAGE = {"stream_options": {"include_usage": True}}
_LATER = (
    {"role": "user", "content": "Hi"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "forecast", "arguments": '{"city":"Köln"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "Rain"},
)

# Asked twice: for a whole answer and for a stream.
ANSWERS = (
    chat("plain"),
    chat("reasoning", THINKING),
    chat("reasoning_raw", THINKING, reasoning_format="none"),
    chat("length", max_tokens=2),
    chat("cut_in_character", max_tokens=4),
    chat("stop_sequence", stop=["grüße"]),
    chat("json_object", response_format={"type": "json_object"}),
    chat("json_schema", response_format=_schema(FORECAST)),
    chat("tool_call", **_FORCED),
    chat("tool_call_after_reasoning", THINKING, **_FORCED),
    chat("after_tool_result", messages=_LATER, tools=[TOOL]),
    chat("two_choices", n=2, max_tokens=2),
    chat("logprobs", logprobs=True, top_logprobs=2, max_tokens=4),
    chat("prefilled", messages=[*saying("Hi"), {"role": "assistant", "content": "."}]),
    Situation("responses_plain", RESPONSES, {"input": "Hi", "temperature": 0}),
    Situation("responses_length", RESPONSES, {"input": "Hi", "max_output_tokens": 7}),
    Situation(
        "responses_tool_call",
        RESPONSES,
        {
            "input": "Hi",
            "tool_choice": "required",
            "tools": [{"type": "function", **TOOL["function"]}],
        },
    ),
    Situation("messages_plain", MESSAGES, {**THINKING, "max_tokens": 99}),
    Situation(
        "messages_tool_use",
        MESSAGES,
        {
            **THINKING,
            "max_tokens": 999,
            "tool_choice": {"type": "any"},
            "tools": [
                {
                    "name": TOOL["function"]["name"],
                    "input_schema": TOOL["function"]["parameters"],
                }
            ],
        },
    ),
)

_OVERFLOWS = (
    chat("context_overflow", messages=saying(_LONG)),
    Situation("responses_context_overflow", RESPONSES, {"input": _LONG}),
    Situation(
        "messages_context_overflow",
        MESSAGES,
        {"messages": saying(_LONG), "max_tokens": 9},
    ),
)

# Whole bodies, streams or not.
REFUSED = (
    *_OVERFLOWS,
    *(
        attrs.evolve(streamed(each), name=f"{each.name}_of_stream")
        for each in _OVERFLOWS
    ),
)

STREAMS = (
    chat("usage", **_USAGE),
    chat("tool_call_usage", **_FORCED, **_USAGE),
    chat("progress", return_progress=True, max_tokens=2),
    chat("timings", timings_per_token=True, max_tokens=2),
)

_PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}

ONCE = (
    Situation("models", "/v1/models"),
    Situation("health", "/health"),
    Situation("chat_input_tokens", f"{CHAT}/input_tokens", PLAIN),
    Situation("responses_input_tokens", f"{RESPONSES}/input_tokens", {"input": "Hi"}),
    Situation("messages_count_tokens", f"{MESSAGES}/count_tokens", PLAIN),
    Situation("unknown_path", "/v1/nothing"),
    Situation("embeddings_not_enabled", EMBEDDINGS, {"input": "Hi"}),
    Situation("chat_truncated_request", CHAT, b'{"messages":'),
    Situation("chat_without_messages", CHAT, {"model": "bigram"}),
    chat("wrong_type", temperature="hot"),
    chat("out_of_range", max_tokens=-5),
    chat("too_many_choices", n=9),
    chat("unknown_response_format", response_format={"type": "yaml"}),
    chat("impossible_schema", response_format=_schema({"type": "wrong"})),
    chat("image", messages=[{"role": "user", "content": [_PNG]}]),
)

EMBEDDED = (
    Situation("embeddings", EMBEDDINGS, {"input": ["Hi", "Grüße"]}),
    Situation(
        "embeddings_base64", EMBEDDINGS, {"input": "Hi", "encoding_format": "base64"}
    ),
    Situation("embeddings_empty", EMBEDDINGS, {"input": []}),
    Situation("embeddings_too_long", EMBEDDINGS, {"input": _LONG}),
    Situation("embeddings_without_input", EMBEDDINGS, {"model": "bigram"}),
    chat("from_embedding_server"),
)

ROUTED = (
    Situation("router_models", "/v1/models"),
    chat("router_unknown_model", model="nothing"),
    chat("router_without_model", model=None),
    chat("router", model="bigram"),
)

KEYS = (
    chat("without_key"),
    attrs.evolve(chat("wrong_key"), headers={"authorization": "Bearer wrong"}),
)

LOADING = chat("while_loading")

# Some seconds of work before the first word.
PINGED = chat(
    "pings",
    messages=saying(_LONG * 14),
    sse_ping_interval=1,
    max_tokens=2,
    stream=True,
)

# Two at once fill the context that they share after a few words each.
_HALF = "half " * 22
BROKEN_OFF = (
    streamed(chat("error_in_stream", ENDLESS, messages=saying(_HALF))),
    Situation(
        "responses_error_in_stream",
        RESPONSES,
        {"input": _HALF, "stream": True, "temperature": 0, **UNENDING},
    ),
)
