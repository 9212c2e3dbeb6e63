"""The same answer of Chat Completions, whole and as a stream, is the same response."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter._wire.openai_chat import ChatDialect
from llm_adapter._wire.openai_chat_quirks import ChatQuirks
from llm_adapter._wire.think_tags import split_thoughts
from llm_adapter.providers import GROQ, LOCAL, OPENAI
from llm_adapter.providers.compatible import COMPATIBLE
from tests.wire.chat import DONE, Read, event
from tests.wire.recorded import FOLDER

DIALECTS = {
    provider.name: provider.dialects[0]
    for provider in (GROQ, OPENAI, LOCAL, *COMPATIBLE)
}
EVERYTHING = ChatDialect(
    ChatQuirks(
        think_tags=True,
        keeps=frozenset({"reasoning_details", "extra_content", "thinking"}),
        hidden_output=True,
    )
)
each_dialect = st.sampled_from([*DIALECTS.values(), EVERYTHING])

WORDS = st.text(st.sampled_from("ab é😀\n<>/'\""), min_size=1, max_size=12)
TAGGED = st.lists(
    st.sampled_from(["<think>", "</think>", "Hm. ", "4", "\n", "'"]), max_size=8
).map("".join)
NAMES = st.sampled_from(["f", "get_time"])
ARGUMENTS = st.one_of(
    st.dictionaries(st.sampled_from("xy"), st.integers(0, 9), max_size=2),
    st.sampled_from(['{"x": 1}', "{", "", "[1]", "null"]),
)
COUNTS = st.fixed_dictionaries(
    {"prompt_tokens": st.integers(0, 9), "completion_tokens": st.integers(0, 9)},
    optional={
        "total_tokens": st.integers(0, 30),
        "reasoning_tokens": st.integers(0, 9),
        "citation_tokens": st.integers(0, 9),
        "num_cached_tokens": st.integers(0, 9),
        "prompt_tokens_details": st.just({"cached_tokens": 3}),
        "completion_tokens_details": st.just({"reasoning_tokens": 2}),
    },
)


@st.composite
def parts(draw):
    """Content as Mistral sends it: thoughts and text by turns."""
    thinks = draw(st.booleans())
    found = []
    for words in draw(st.lists(WORDS, max_size=4)):
        text = {"type": "text", "text": words}
        found.append({"type": "thinking", "thinking": [text]} if thinks else text)
        thinks = not thinks
    return found


@st.composite
def details(draw):
    """OpenRouter's details, each of its own kind and place."""
    kinds = draw(st.lists(st.sampled_from(["text", "summary"]), max_size=3))
    return [
        {
            "type": f"reasoning.{kind}",
            kind: draw(WORDS),
            "signature": draw(st.none() | st.just("sig")),
            "format": "anthropic-claude-v1",
            "index": index,
        }
        for index, kind in enumerate(kinds)
    ]


CALLS = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.just("function"),
            "function": st.fixed_dictionaries({"name": NAMES, "arguments": ARGUMENTS}),
        },
        optional={"extra_content": st.just({"google": {"thought_signature": "S"}})},
    ),
    min_size=1,
    max_size=3,
)
MESSAGES = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": st.none() | WORDS | TAGGED | parts()},
    optional={
        "reasoning": WORDS,
        "reasoning_content": WORDS,
        "reasoning_details": details(),
        "refusal": st.none() | WORDS,
        "tool_calls": CALLS,
        "function_call": st.fixed_dictionaries({"name": NAMES, "arguments": WORDS}),
    },
)
REASONS = st.sampled_from(["stop", "length", "tool_calls", "eos", "abort", "error"])


@st.composite
def answers(draw):
    """An answer, and a stream of the same."""
    message = said_once(draw(MESSAGES))
    ids = draw(st.booleans())
    for number, call in enumerate(message.get("tool_calls", [])):
        call.update({"id": f"given{number}"} if ids else {})
    body = {
        "id": "c",
        "model": "m",
        "choices": [{"message": message, "finish_reason": draw(REASONS)}],
        **draw(
            st.fixed_dictionaries(
                {}, optional={"usage": COUNTS, "x_groq": st.just({"id": "req"})}
            )
        ),
    }
    deltas = [{"role": "assistant", "content": ""}]
    # Reasoning comes before the text, as a model writes it.
    for name in sorted(message.keys() - {"role"} - covered(message), reverse=True):
        deltas += draw(fragments(name, message[name]))
    return body, [*deltas, {}]


def said_once(message):
    """The message without what no server says in two ways at once."""
    if isinstance(message["content"], list):
        others = ("reasoning", "reasoning_content", "reasoning_details")
        message = {key: message[key] for key in message.keys() - others}
    if details := message.get("reasoning_details"):
        words = "".join(each.get("text") or each["summary"] for each in details)
        message["reasoning"] = words
    if "reasoning" in message:
        message.pop("reasoning_content", None)
    if "tool_calls" in message:
        message.pop("function_call", None)
    return message


def covered(message):
    """Fields that come along with those of another name."""
    return {"reasoning"} if message.get("reasoning_details") else set()


@st.composite
def fragments(draw, name, value):
    """The deltas that say one field of a message."""
    if isinstance(value, str):
        return [{name: piece} for piece in draw(cut(value))]
    if name == "tool_calls":
        calls = [
            delta
            for index, call in enumerate(value)
            for delta in draw(call_fragments(index, call))
        ]
        return [{"tool_calls": [call]} for call in calls]
    if name == "function_call":
        first, *rest = draw(cut(value["arguments"])) or [""]
        named = {"name": value["name"], "arguments": first}
        return [{name: named}, *({name: {"arguments": each}} for each in rest)]
    if name == "content":
        return [
            {"content": each}
            for part in value or ()
            for each in draw(part_pieces(part))
        ]
    if name == "reasoning_details":
        return [
            {"reasoning": words, name: [piece]}
            for detail in value
            for words, piece in draw(detail_pieces(detail))
        ]
    return [{name: value}]


@st.composite
def cut(draw, text):
    """A text in pieces that are not empty."""
    cuts = draw(st.lists(st.integers(0, len(text)), max_size=4))
    return [text[a:b] for a, b in pairwise(sorted({0, *cuts, len(text)}))]


@st.composite
def call_fragments(draw, index, call):
    function = call["function"]
    written = function["arguments"]
    if not isinstance(written, str):
        return [{"index": index, **call}]
    first = {**call, "function": {**function, "arguments": ""}}
    rest = [{"function": {"arguments": each}} for each in draw(cut(written))]
    return [{"index": index, **each} for each in (first, *rest)]


@st.composite
def part_pieces(draw, part):
    if part["type"] == "text":
        return draw(cut(part["text"]))
    words = draw(cut(part["thinking"][0]["text"]))
    return [[{**part, "thinking": [{"type": "text", "text": each}]}] for each in words]


@st.composite
def detail_pieces(draw, detail):
    name = detail["type"].removeprefix("reasoning.")
    pieces = draw(cut(detail[name]))
    for piece in pieces[:-1]:
        yield piece, {**detail, name: piece, "signature": None}
    yield pieces[-1], {**detail, name: pieces[-1]}


def streamed(body, deltas):
    """The stream whose deltas these are."""
    (choice,) = body["choices"]
    told = {key: value for key, value in body.items() if key not in ("usage", "x_groq")}
    events = [event({**told, "choices": [{"delta": delta}]}) for delta in deltas]
    last = {"delta": {}, "finish_reason": choice["finish_reason"]}
    return [*events, event({**body, "choices": [last]}), DONE]


def comparable(response):
    """A response with its made-up ids numbered."""
    calls = [
        evolve(call, id=f"made{number}" if call.id.startswith("call_") else call.id)
        for number, call in enumerate(response.tool_calls)
    ]
    return evolve(response, tool_calls=calls)


@given(answers(), each_dialect)
def test_a_stream_and_the_whole_answer_give_the_same_response(answer, dialect):
    body, deltas = answer
    read = Read(*streamed(body, deltas), dialect=dialect)
    assert read.error is None
    whole = dialect.decode(json.dumps(body).encode())
    assert comparable(read.response) == comparable(whole)


@given(answers(), each_dialect)
def test_the_deltas_together_are_the_response(answer, dialect):
    body, deltas = answer
    read = Read(*streamed(body, deltas), dialect=dialect)
    message = body["choices"][0]["message"]
    if dialect.quirks.think_tags and "</think>" in str(message["content"]):
        return  # nobody can know what a text without its opening tag is
    assert read.text() == read.response.text
    assert read.reasoning() == (read.response.reasoning or "")
    assert [read.calls()[i] for i in sorted(read.calls())] == [
        [call.id, call.name, call.raw_arguments] for call in read.response.tool_calls
    ]


@given(st.sampled_from(["", " ", "\n"]), TAGGED, st.data())
def test_tags_are_split_at_every_place_as_the_whole_is(blank, content, data):
    content = f"{blank}<think>{content}"
    pieces = data.draw(cut(content))
    events = [event({"choices": [{"delta": {"content": each}}]}) for each in pieces]
    read = Read(*events, DONE, dialect=EVERYTHING)
    assert (read.reasoning(), read.text()) == split_thoughts(content)
    assert (read.response.reasoning or "", read.response.text) == (
        read.reasoning(),
        read.text(),
    )


LLAMA_CPP = FOLDER.with_name("transcripts_llama_cpp")
BOTH = [
    path.stem
    for path in sorted(LLAMA_CPP.glob("chat_*.sse"))
    if path.with_suffix(".json").exists()
]


@pytest.mark.parametrize("name", BOTH)
def test_llama_cpp_says_the_same_both_ways(name):
    """Recorded from a real server, whose ids and models differ each time."""
    dialect = DIALECTS["local"]
    whole = dialect.decode((LLAMA_CPP / f"{name}.json").read_bytes())
    read = Read((LLAMA_CPP / f"{name}.sse").read_bytes(), dialect=dialect)
    assert read.complete
    for part in ("text", "reasoning", "finish_reason", "raw_finish_reason", "refusal"):
        assert getattr(read.response, part) == getattr(whole, part)
    streamed_calls, calls = read.response.tool_calls, whole.tool_calls
    assert [(c.name, c.raw_arguments) for c in streamed_calls] == [
        (call.name, call.raw_arguments) for call in calls
    ]


@pytest.mark.parametrize("ending", [DONE, event({"error": "oops"}), b""])
def test_what_was_held_back_in_case_a_tag_followed_is_told_at_the_end(ending):
    said = event({"choices": [{"delta": {"content": "'x' </th'"}}]})
    decoder = EVERYTHING.stream_decoder()
    events = [*decoder.feed(said), *decoder.feed(ending)]
    events += [] if decoder.complete or decoder.error else decoder.finish()
    assert "".join(each.text for each in events) == "'x' </th'"


def test_what_was_held_back_is_told_before_reasoning_in_a_field_of_its_own():
    deltas = [{"content": "<th"}, {"reasoning": "Hm"}, {"content": "en"}]
    events = [event({"choices": [{"delta": each}]}) for each in deltas]
    read = Read(*events, DONE, dialect=EVERYTHING)
    assert (read.text(), read.reasoning()) == ("<then", "Hm")
    assert (read.response.text, read.response.reasoning) == ("<then", "Hm")
