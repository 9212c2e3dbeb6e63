"""The Responses API as a server says it: bodies, events, and how we read them."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from llm_adapter._wire.openai_responses import ResponsesDialect
from tests.wire import chat
from tests.wire.recorded import FOLDER

DIALECT = ResponsesDialect()
RECORDED = {
    path.stem.removeprefix("openai_responses_"): path.read_bytes()
    for path in sorted(FOLDER.glob("openai_responses_*.sse"))
}


class Read(chat.Read):
    """A stream that was read to its end."""

    def __init__(self, *pieces):
        super().__init__(*pieces, dialect=DIALECT)


# -- bodies ---------------------------------------------------------------------------


def message(*parts, **fields):
    """A message of texts, or of parts as they are."""
    texts = [
        {"type": "output_text", "text": part} if isinstance(part, str) else part
        for part in parts
    ]
    return {"type": "message", "role": "assistant", "content": texts, **fields}


def refusal(words):
    return {"type": "refusal", "refusal": words}


def call(call_id="call_1", name="f", arguments="{}", **fields):
    return {
        "type": "function_call",
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
        **fields,
    }


def custom(call_id="call_1", name="sql", input="SELECT 1", **fields):
    return {
        "type": "custom_tool_call",
        "call_id": call_id,
        "name": name,
        "input": input,
        **fields,
    }


def reasoning(*summary, content=(), **fields):
    return {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": words} for words in summary],
        "content": [{"type": "reasoning_text", "text": words} for words in content],
        **fields,
    }


def whole(*output, **fields):
    """An answer: the items of its output, and fields that differ."""
    return {
        "id": "resp_1",
        "model": "m",
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "output": list(output),
        **fields,
    }


def written(value):
    return json.dumps(value, ensure_ascii=False).encode()


def decode(*output, **fields):
    """The response to an answer with this output."""
    return DIALECT.decode(written(whole(*output, **fields)))


# -- events ---------------------------------------------------------------------------


def event(type, **fields):
    """An event of a stream."""
    return chat.event({"type": f"response.{type}", **fields})


def end(*output, type="completed", **fields):
    """The last event of a stream, with the whole answer."""
    return event(type, response=whole(*output, **{"status": type, **fields}))


def text(delta, **fields):
    return event("output_text.delta", delta=delta, **fields)


def added(item, **fields):
    return event("output_item.added", item=item, **fields)


def done(item, **fields):
    return event("output_item.done", item=item, **fields)


# -- whole answers as streams ---------------------------------------------------------

_WORDS = st.text(max_size=8)
_NAMES = st.sampled_from(["f", "g"])
_PARTS = _WORDS | st.builds(refusal, _WORDS)
_THOUGHTS = st.lists(_WORDS, max_size=3)
_ITEMS = st.one_of(
    st.builds(lambda parts: message(*parts), st.lists(_PARTS, max_size=3)),
    st.builds(lambda words: message(words, phase="commentary"), _WORDS),
    st.builds(
        lambda summary, content: reasoning(
            *summary, content=content, encrypted_content="gAAA"
        ),
        _THOUGHTS,
        _THOUGHTS,
    ),
    st.builds(call, name=_NAMES, arguments=_WORDS),
    st.builds(custom, name=_NAMES, input=_WORDS),
    st.just({"type": "web_search_call", "status": "completed", "action": {}}),
)
_ENDS = st.fixed_dictionaries(
    {"status": st.sampled_from(["completed", "incomplete", "in_progress", "eos"])},
    optional={
        "id": _WORDS,
        "model": _WORDS,
        "usage": st.fixed_dictionaries({"input_tokens": st.integers(0, 9)}),
        "incomplete_details": st.just({"reason": "max_output_tokens"}),
    },
)


@st.composite
def answers(draw):
    """A whole answer whose items and calls have ids of their own."""
    items = draw(st.lists(_ITEMS, max_size=4))
    named = [_named(item, place) for place, item in enumerate(items)]
    return whole(*named, **draw(_ENDS))


def _named(item, place):
    ids = {"id": f"id_{place}", "call_id": f"call_{place}"}
    return {**item, **{k: v for k, v in ids.items() if k == "id" or k in item}}


def cut(words, size=2):
    return [words[at : at + size] for at in range(0, len(words), size)]


def events_of(answer, *, deltas=True, wholes=True, items=True, output=True):
    """The answer as events of a stream; without some, as of servers that save them."""
    began = {**answer, "status": "in_progress", "output": []}
    yield event("created", response=began)
    for index, item in enumerate(answer["output"]):
        where = {"output_index": index, "item_id": item["id"]}
        if items:
            yield added(_begun(item), output_index=index)
        for parts in _parts(item):
            yield from _part(*parts, where, deltas=deltas, wholes=wholes)
        if items:
            yield done(item, output_index=index)
    incomplete = answer["status"] == "incomplete"
    response = answer if output else {**answer, "output": []}
    yield event("incomplete" if incomplete else "completed", response=response)


def _begun(item):
    empty = {"content": [], "summary": [], "arguments": "", "input": ""}
    begun = {name: value for name, value in empty.items() if name in item}
    return {**item, **begun, "status": "in_progress"}


def _parts(item):
    """Name, text, index and field of the index, for each part of an item."""
    if item["type"] == "message":
        for index, part in enumerate(item["content"]):
            kind = "refusal" if part["type"] == "refusal" else "output_text"
            words = part.get("refusal", part.get("text"))
            yield kind, words, {"content_index": index}
    elif item["type"] == "reasoning":
        for index, part in enumerate(item["summary"]):
            yield "reasoning_summary_text", part["text"], {"summary_index": index}
        for index, part in enumerate(item["content"]):
            yield "reasoning_text", part["text"], {"content_index": index}
    elif item["type"] == "function_call":
        yield "function_call_arguments", item["arguments"], {}
    elif item["type"] == "custom_tool_call":
        yield "custom_tool_call_input", item["input"], {}


_FIELDS = {
    "refusal": "refusal",
    "function_call_arguments": "arguments",
    "custom_tool_call_input": "input",
}


def _part(kind, words, index, where, *, deltas, wholes):
    if deltas:
        for piece in cut(words):
            yield event(f"{kind}.delta", delta=piece, **where, **index)
    if wholes:
        told = {_FIELDS.get(kind, "text"): words}
        yield event(f"{kind}.done", **told, **where, **index)
