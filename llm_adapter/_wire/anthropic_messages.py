"""The Messages dialect, as Anthropic speaks it.

A dialect is a cattrs converter: `unstructure(LLMRequest)` gives the body that is sent,
`structure(body, LLMResponse)` reads an answer. Reading is tolerant: unknown fields,
missing fields and loose types never fail (reference/wire-protocols.md 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from attrs import frozen

from ..models import LLMRequest, LLMResponse, Message, Tool, ToolCall, Usage
from .anthropic_messages_answers import (
    NAME,
    decode_response,
    decode_tool_call,
    decode_usage,
)
from .anthropic_messages_requests import (
    LONGEST_UNSTREAMED,
    encode_request,
    encode_tool,
    unsupported,
)
from .anthropic_messages_stream import MessagesStreamDecoder
from .anthropic_messages_turns import encode_message, encode_tool_call
from .dialect import StreamDecoder, read_answer
from .traits import PLAIN, Traits

if TYPE_CHECKING:
    from cattrs import Converter

_NONE: Mapping[str, str] = {}
_SAMPLING: Mapping[str, str] = {"anthropic-version": "2023-06-01"}
"""The version of the API that still knows temperature and top_p."""


@frozen
class MessagesDialect:
    """The Messages API."""

    name: str = NAME
    path: str = "/messages"
    formats: frozenset[str] = frozenset({"json_schema"})

    def headers(self, request: LLMRequest) -> Mapping[str, str]:
        """The older version of the API, for what the newer one has dropped."""
        sampled = request.temperature is not None or request.top_p is not None
        return _SAMPLING if sampled else _NONE

    def unsupported(self, request: LLMRequest, traits: Traits) -> str | None:
        """What of a request cannot be said here."""
        return unsupported(request, traits)

    def encode(
        self, request: LLMRequest, *, stream: bool, traits: Traits = PLAIN
    ) -> dict[str, Any]:
        """The body to send."""
        body = encode_request(request, traits)
        return {**body, "stream": True} if stream else body

    def must_stream(self, request: LLMRequest) -> bool:
        """Whether the answer may take longer than a silent connection is kept."""
        return (request.max_tokens or 0) > LONGEST_UNSTREAMED

    def decode(self, body: bytes) -> LLMResponse:
        """The answer in a body, also when it came as a stream."""
        return read_answer(body, decode_response, self.stream_decoder)

    def stream_decoder(self) -> StreamDecoder:
        """A decoder for one streamed answer."""
        return MessagesStreamDecoder()


@cache
def converter() -> Converter:
    """The cattrs converter of the Messages API, for models that nothing is known of."""
    from cattrs import Converter

    made = Converter()
    made.register_unstructure_hook(LLMRequest, encode_request)
    made.register_unstructure_hook(Message, encode_message)
    made.register_unstructure_hook(Tool, encode_tool)
    made.register_unstructure_hook(ToolCall, encode_tool_call)
    made.register_structure_hook(LLMResponse, lambda body, _: decode_response(body))
    made.register_structure_hook(Usage, lambda body, _: decode_usage(body))
    made.register_structure_hook(ToolCall, lambda body, _: decode_tool_call(body))
    return made
