"""The Messages API as Anthropic says it: bodies, events, and how we read them."""

from __future__ import annotations

import copy
import json
from pathlib import Path

from llm_adapter._wire.anthropic_messages import MessagesDialect
from tests.wire import chat

DIALECT = MessagesDialect()
MODEL = "claude-opus-4-8"

_FOLDER = Path(__file__).with_name("transcripts")
RECORDED = {
    path.stem: path.read_bytes() for path in sorted(_FOLDER.glob("anthropic_*.sse"))
}
WHOLE = {
    path.stem: path.read_bytes() for path in sorted(_FOLDER.glob("anthropic_*.json"))
}


def message(*content, **fields):
    """An answer, decoded: its blocks, and fields that differ."""
    whole = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": list(content),
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "stop_details": None,
        "usage": {"input_tokens": 3, "output_tokens": 4},
    }
    return {**whole, **fields}


def text(words, **fields):
    return {"type": "text", "text": words, **fields}


def thinking(words="Hm", signature="sig"):
    return {"type": "thinking", "thinking": words, "signature": signature}


def tool_use(id="a", name="f", **fields):
    return {"type": "tool_use", "id": id, "name": name, "input": {}, **fields}


def written(value):
    return json.dumps(value, ensure_ascii=False).encode()


def decode(*content, **fields):
    """The response to an answer."""
    return DIALECT.decode(written(message(*content, **fields)))


# -- events ---------------------------------------------------------------------------


def event(type, **fields):
    """An event of a stream."""
    return b"event: %b\ndata: %b\n\n" % (
        type.encode(),
        written({"type": type, **fields}),
    )


def start(**fields):
    return event("message_start", message=message(stop_reason=None, **fields))


def begin(block, index=0):
    return event("content_block_start", index=index, content_block=block)


def delta(type, index=0, **fields):
    return event("content_block_delta", index=index, delta={"type": type, **fields})


def end(index=0):
    return event("content_block_stop", index=index)


def stop(reason="end_turn", usage=None, **fields):
    return event(
        "message_delta", delta={"stop_reason": reason, **fields}, usage=usage or {}
    )


STOP = event("message_stop")


def streamed(whole, size=3):
    """The events of an answer whose text and input come in pieces of this size."""
    pieces = [
        event(
            "message_start",
            message={**whole, "content": [], "stop_reason": None, "stop_details": None},
        )
    ]
    for index, block in enumerate(whole["content"]):
        pieces += _streamed_block(block, index, size)
    ending = {name: whole.get(name) for name in ("stop_reason", "stop_details")}
    pieces.append(event("message_delta", delta=ending, usage=whole["usage"]))
    return [*pieces, STOP]


def _streamed_block(block, index, size):
    kind = block["type"]
    if kind == "text":
        first = {**block, "text": ""}
        if "citations" in block:
            first["citations"] = []
        yield begin(first, index)
        for piece in _cut(block["text"], size):
            yield delta("text_delta", index, text=piece)
        for citation in block.get("citations", []):
            yield delta("citations_delta", index, citation=citation)
    elif kind == "thinking":
        yield begin({"type": "thinking", "thinking": "", "signature": ""}, index)
        for piece in _cut(block["thinking"], size):
            yield delta("thinking_delta", index, thinking=piece)
        for piece in _cut(block["signature"], size):
            yield delta("signature_delta", index, signature=piece)
    elif "input" in block:
        yield begin({**block, "input": {}}, index)
        compact = json.dumps(block["input"], separators=(",", ":"), ensure_ascii=False)
        for piece in _cut(compact if block["input"] else "", size):
            yield delta("input_json_delta", index, partial_json=piece)
    else:
        yield begin(block, index)
    yield end(index)


def _cut(words, size):
    return [words[i : i + size] for i in range(0, len(words), size)]


class Read(chat.Read):
    """A stream that was read to its end."""

    def __init__(self, *pieces):
        super().__init__(*pieces, dialect=DIALECT)


# -- values inside values -------------------------------------------------------------


def keys(value):
    """The keys of all objects inside a value."""
    if isinstance(value, dict):
        yield from value
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from keys(item)


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
