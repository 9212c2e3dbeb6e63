"""Chat Completions as a server says them: bodies, chunks, and how we read them."""

from __future__ import annotations

import json

from llm_adapter._wire.openai_chat import ChatDialect
from llm_adapter._wire.openai_chat_quirks import ChatQuirks
from llm_adapter.models import ReasoningDelta, TextDelta, ToolCallDelta

DIALECT = ChatDialect(ChatQuirks())
WITHOUT_DONE = ChatDialect(ChatQuirks(ends_with_done=False))
DONE = b"data: [DONE]\n\n"


def body(message=None, **fields):
    """An answer's body: a message, and fields that differ."""
    choice = {"index": 0, "message": message or {}, "finish_reason": "stop"}
    whole = {"id": "chatcmpl-1", "model": "m", "choices": [choice]}
    return json.dumps({**whole, **fields}).encode()


def choice(message=None, **fields):
    """An answer's body whose choice has fields that differ."""
    return body(choices=[{"index": 0, "message": message or {}, **fields}])


def decode(*args, **fields):
    """The response to a body."""
    return DIALECT.decode(body(*args, **fields))


def event(value):
    """An event of a stream that holds a JSON value."""
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def chunk(delta=None, finish_reason=None, **fields):
    """An event of a stream: a delta, and fields that differ."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return event({"id": "chatcmpl-1", "model": "m", "choices": [choice], **fields})


END = chunk({}, "stop") + DONE


class Read:
    """A stream that was read to its end: its deltas and what the decoder says."""

    def __init__(self, *pieces, dialect=DIALECT):
        decoder = dialect.stream_decoder()
        self.events = [each for piece in pieces for each in decoder.feed(piece)]
        self.events += decoder.finish()
        self.complete = decoder.complete
        self.error = decoder.error
        self.response = decoder.response()

    def __eq__(self, other):
        return self.summary() == other.summary()

    def summary(self):
        failure = None if self.error is None else str(self.error)
        return self.events, self.complete, failure, self.response

    def text(self):
        return "".join(e.text for e in self.events if isinstance(e, TextDelta))

    def reasoning(self):
        return "".join(
            e.reasoning for e in self.events if isinstance(e, ReasoningDelta)
        )

    def calls(self):
        """The tool calls, put together from their deltas as a caller would."""
        found = {}
        for delta in self.events:
            if isinstance(delta, ToolCallDelta):
                call = found.setdefault(delta.index, [None, None, ""])
                call[0] = delta.id or call[0]
                call[1] = delta.name or call[1]
                call[2] += delta.arguments
        return found
