"""Whatever is asked of the emulator, it answers: every endpoint of every dialect."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_adapter.testing.emulator import Reply, faults
from llm_adapter.testing.emulator.dialects import PROVIDERS, Call
from llm_adapter.testing.emulator.dialects.anthropic.thinking import seal
from llm_adapter.testing.emulator.dialects.dialect import REQUEST_ID

FIELDS = (
    ("authorization", "Bearer k"),
    ("anthropic-version", "2023-06-01"),
)
SCHEMA = {
    "type": "object",
    "properties": {
        "names": {"type": "array", "items": {"$ref": "#/$defs/Name"}},
        "age": {"anyOf": [{"type": ["integer"]}, {"type": "null"}]},
    },
    "required": ["names", "age"],
    "additionalProperties": False,
    "$defs": {"Name": {"type": "string", "format": "email"}},
}
FUNCTION = {"name": "look", "description": "", "parameters": SCHEMA, "strict": True}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
CALL = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
CHAT = {
    "messages": [
        {"role": "system", "content": "Give JSON."},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}, IMAGE]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c", "content": "1"},
    ],
    "tools": [{"type": "function", "function": FUNCTION}],
    "tool_choice": {"type": "function", "function": {"name": "look"}},
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "cv", "schema": SCHEMA, "strict": True},
    },
    "stop": ["a", "b"],
    "temperature": 0.5,
    "n": 1,
    "stream": True,
    "stream_options": {"include_usage": True},
    "reasoning_effort": "none",
    "max_completion_tokens": 90,
}
SEALED = {
    "type": "reasoning",
    "id": f"rs_{REQUEST_ID}",
    "summary": [],
    "encrypted_content": f"gAAAAAB{REQUEST_ID}",
}
RESPONSES = {
    "model": "gpt-6-luna",
    "instructions": "Be terse.",
    "input": [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Hi"},
                {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
            ],
        },
        SEALED,
        {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "1"},
    ],
    "tools": [{"type": "function", **FUNCTION}],
    "tool_choice": {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "look"}],
    },
    "text": {
        "format": {
            "type": "json_schema",
            "name": "cv",
            "schema": SCHEMA,
            "strict": True,
        }
    },
    "reasoning": {"effort": "low", "summary": "auto"},
    "max_output_tokens": 90,
    "stream": True,
    "stream_options": {"include_obfuscation": False},
}
MESSAGES = {
    "model": "claude-opus-4-6",
    "max_tokens": 3000,
    "system": [{"type": "text", "text": "Be terse."}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}},
                {
                    "type": "image",
                    "source": {
                        "type": "base64",
                        "media_type": "image/png",
                        "data": "AAAA",
                    },
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {
                    "type": "thinking",
                    "thinking": "so",
                    "signature": seal("so", "claude-opus-4-6"),
                },
                {"type": "tool_use", "id": "t", "name": "look", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t",
                    "content": [{"type": "text", "text": "1"}],
                },
                {"type": "text", "text": "And?"},
            ],
        },
    ],
    "tools": [
        {
            "name": "look",
            "input_schema": {"type": "object"},
        }
    ],
    "tool_choice": {"type": "auto"},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "output_config": {
        "effort": "low",
        "format": {"type": "json_schema", "schema": SCHEMA},
    },
    "stop_sequences": ["a"],
    "stream": True,
}
COUNTED = {
    name: value
    for name, value in MESSAGES.items()
    if name not in ("max_tokens", "stream", "stop_sequences")
}
ALSO = ("max_output_tokens", "stream", "stream_options")
INPUT = {name: value for name, value in RESPONSES.items() if name not in ALSO}
EMBEDDED = {"input": ["a", "b"], "dimensions": 4, "encoding_format": "base64"}
GROQ = {"model": "openai/gpt-oss-20b", **CHAT, "reasoning_effort": "low"}
ASKED = [
    ("groq", "/chat/completions", GROQ),
    ("openai", "/chat/completions", {"model": "gpt-6-luna", **CHAT}),
    ("openai", "/responses", RESPONSES),
    ("openai", "/responses/input_tokens", INPUT),
    ("openai", "/embeddings", {"model": "text-embedding-3-small", **EMBEDDED}),
    ("anthropic", "/messages", MESSAGES),
    ("anthropic", "/messages/count_tokens", COUNTED),
    ("local", "/chat/completions", {"model": "llama3.2:3b", **CHAT}),
    ("local", "/embeddings", {"model": "nomic-embed-text", **EMBEDDED}),
]

junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 5)
    | st.floats()
    | st.sampled_from(["", " ", "x", "tool", "object", "assistant", "required"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["type", "role", "content", "name", "id", "text", "x"]),
            inner,
            max_size=2,
        )
    ),
    max_leaves=4,
)


def places(value, path=()):
    """Where a value has parts that can be replaced."""
    yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*path, index))


def replaced(value, path, new):
    if not path:
        return new
    whole = copy.deepcopy(value)
    holder = whole
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = new
    return whole


def answer(provider, path, body, reply=None):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    call = Call("POST", path, "", FIELDS, data)
    return PROVIDERS[provider].dialect.answer(call, reply or Reply())


@pytest.mark.parametrize(("provider", "path", "body"), ASKED)
def test_the_sound_request_is_answered(provider, path, body):
    """Otherwise what follows would never come past the first check."""
    given = answer(provider, path, body)
    assert given.status == 200, given.pieces


@pytest.mark.parametrize(("provider", "path", "body"), ASKED)
@settings(max_examples=100, deadline=None)  # long vectors take their time
@given(data=st.data())
def test_a_damaged_request_is_answered_or_refused(provider, path, body, data):
    where = data.draw(st.sampled_from(list(places(body))))
    damaged = replaced(body, where, data.draw(junk))
    assert answer(provider, path, damaged).status in (200, 400, 403, 404)


@pytest.mark.parametrize(("provider", "path"), [asked[:2] for asked in ASKED])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(provider, path, body):
    assert answer(provider, path, body).status == 400


@pytest.mark.parametrize(("provider", "path", "body"), ASKED)
def test_scripted_content_is_given_whatever_was_asked(provider, path, body):
    reply = Reply(
        text="t", reasoning="r", tool_calls=(("look", "{"),), usage={"a": 1}, deltas=1
    )
    assert answer(provider, path, b"{", reply).status == 200
    assert answer(provider, path, body, reply).status == 200
    assert answer(provider, path, body, faults.broken_utf8()).status == 200
