"""hypothesis strategies for the library's values."""

from __future__ import annotations

from decimal import Decimal

from attrs import fields
from hypothesis import settings
from hypothesis import strategies as st

from llm_adapter import (
    Attempt,
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

# For tests that draw whole requests or responses, which takes long.
few = settings(max_examples=30)

words = st.text(max_size=12)
maybe_words = st.none() | words
counts = st.none() | st.integers(0, 10**9)
numbers = st.floats(0, 1e6) | st.integers(0, 10**6)
seconds = st.floats(0.001, 1e6) | st.integers(1, 10**6)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3)
    ),
    max_leaves=8,
)
json_objects = st.dictionaries(words, json_values, max_size=4)

_media = st.sampled_from(["image/png", "application/pdf", "audio/wav"])


def _binary(kind, **own):
    by_url = st.builds(kind, st.text(min_size=1, max_size=12), **own)
    by_data = st.builds(
        kind, data=st.binary(max_size=12), media_type=_media | st.just("x/y"), **own
    )
    return by_url | by_data


images = _binary(Image, detail=maybe_words)
documents = _binary(Document, name=maybe_words)
audios = _binary(Audio)
parts = st.builds(Text, words) | images | documents | audios
contents = words | st.lists(parts, max_size=3)

tools = st.builds(
    Tool,
    words,
    description=maybe_words,
    parameters=json_objects,
    strict=st.none() | st.booleans(),
)
tool_calls = st.builds(
    ToolCall,
    words,
    words,
    json_objects,
    raw_arguments=words,
    invalid=st.booleans(),
)


@st.composite
def messages(draw):
    role = draw(st.sampled_from(["system", "user", "assistant", "tool"]))
    return Message(
        role,
        draw(contents),
        tool_calls=draw(st.lists(tool_calls, max_size=2)),
        tool_call_id=draw(st.text(min_size=1, max_size=8)) if role == "tool" else None,
        is_error=draw(st.booleans()),
        reasoning=draw(maybe_words),
        provider_items=draw(st.lists(json_objects, max_size=2)),
    )


timeouts = st.builds(
    Timeout,
    **{field.name: st.none() | seconds for field in fields(Timeout)},
)

request_fields = {
    "system_message": maybe_words,
    "messages": st.lists(messages(), max_size=2),
    "model": st.sampled_from([None, "openai/gpt-oss-20b", "a b", "m\N{OHM SIGN}"]),
    "temperature": st.none() | numbers,
    "max_tokens": st.none() | st.integers(min_value=1),
    "top_p": st.none() | numbers,
    "seed": st.none() | st.integers(),
    "stop_sequences": st.none() | st.lists(words, max_size=3),
    "reasoning_effort": maybe_words,
    "response_format": st.none() | st.just(dict) | json_objects,
    "tools": st.lists(tools, max_size=2),
    "tool_choice": maybe_words,
    "parallel_tool_calls": st.none() | st.booleans(),
    "timeout": st.none() | seconds | timeouts,
    "extra_body": json_objects,
    "extra_headers": st.dictionaries(
        st.from_regex(r"[A-Za-z0-9-]{1,8}", fullmatch=True),
        st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=8),
        max_size=2,
    ),
    "metadata": json_objects,
    "cache": st.sampled_from([None, True, False, "refresh"]),
    "cache_ttl": st.none() | seconds,
}
overrides = st.fixed_dictionaries({}, optional=request_fields)
requests = st.builds(LLMRequest, contents, **request_fields)

usages = st.builds(
    Usage,
    **{
        field.name: counts if "tokens" in field.name else maybe_words
        for field in fields(Usage)
    },
)
attempts = st.builds(
    Attempt,
    number=st.integers(1, 9),
    delay=st.floats(0, 100),
    duration=st.floats(0, 100),
    error=maybe_words,
    status_code=st.none() | st.integers(100, 599),
)
responses = st.builds(
    LLMResponse,
    words,
    words,
    finish_reason=st.sampled_from(["stop", "length", "unknown"]),
    raw_finish_reason=maybe_words,
    usage=usages,
    generation_time=st.floats(0, 1e6),
    tool_calls=st.lists(tool_calls, max_size=2).map(tuple),
    reasoning=maybe_words,
    refusal=maybe_words,
    provider=maybe_words,
    id=maybe_words,
    request_id=maybe_words,
    cost=st.none() | st.decimals(0, 10, places=6).map(Decimal),
    cached=st.booleans(),
    attempts=st.integers(1, 9),
    history=st.lists(attempts, max_size=2).map(tuple),
    warnings=st.lists(words, max_size=2).map(tuple),
    raw=json_values,
    provider_items=st.lists(json_objects, max_size=2).map(tuple),
)
events = (
    st.builds(TextDelta, words)
    | st.builds(ReasoningDelta, words)
    | st.builds(ToolCallDelta, st.integers(0, 9), maybe_words, maybe_words, words)
    | st.builds(StreamEnd, responses)
)
values = requests | responses | messages() | events | timeouts | usages | attempts
