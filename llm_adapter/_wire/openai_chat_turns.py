"""Turns of a conversation as Chat Completions take them, each server in its way."""

from __future__ import annotations

import hashlib
import re
from typing import Any, TypeAlias

import msgspec

from ..models import LLMRequest, Message, ToolCall
from .kept import kept_items
from .openai_chat_content import as_parts, encode_content
from .openai_chat_quirks import ChatQuirks

Turn: TypeAlias = dict[str, Any]

_SHORT = re.compile(r"[a-zA-Z0-9]{9}")
_BETWEEN = "OK."
"""What the assistant says between a tool's result and the user, as it must."""

# Google's word for calls that another model has made:
# https://ai.google.dev/gemini-api/docs/thought-signatures
_UNSIGNED = {"google": {"thought_signature": "skip_thought_signature_validator"}}


class CallIds:
    """Ids of tool calls in the form that a server takes, call and result alike.

    Each stands for one id of ours, and depends on nothing that comes after it: so the
    beginning of a conversation is always sent in the same words.
    """

    def __init__(self, *, short: bool) -> None:
        self._short = short
        self._sent: dict[str, str] = {}
        self._taken: set[str] = set()

    def sent(self, id_: str) -> str:
        """The id, or for servers that are strict about its form one in its place."""
        if not self._short:
            return id_
        if id_ not in self._sent:
            self._sent[id_] = self._free(id_)
            self._taken.add(self._sent[id_])
        return self._sent[id_]

    def _free(self, id_: str) -> str:
        short, number = id_, 0
        while short in self._taken or not _SHORT.fullmatch(short):
            written = f"{number} {id_}".encode("utf-8", "replace")
            short, number = hashlib.blake2b(written).hexdigest()[:9], number + 1
        return short


def encode_conversation(request: LLMRequest, quirks: ChatQuirks) -> list[Turn]:
    """The messages of a request, the system's first and the prompt last."""
    ids = CallIds(short=quirks.short_call_ids)
    turns = [encode_message(message, quirks, ids) for message in request.messages]
    if quirks.needs_reasoning and request.tools:
        _fill_reasoning(turns, str(quirks.sends_reasoning))
    if quirks.signed_calls:
        _sign_calls(turns)
    if request.system_message is not None:
        turns.insert(0, {"role": "system", "content": request.system_message})
    if request.prompt:
        turns.append(
            {"role": "user", "content": encode_content(request.prompt, quirks)}
        )
    if not quirks.user_after_result:
        turns = _parted(turns)
    return _alternating(turns) if quirks.alternates else turns


def encode_message(
    message: Message, quirks: ChatQuirks, ids: CallIds | None = None
) -> Turn:
    """One turn of the conversation.

    Args:
        message: the turn.
        quirks: of the server.
        ids: of the tool calls in the conversation, as they are sent.
    """
    ids = ids or CallIds(short=quirks.short_call_ids)
    content = encode_content(message.content, quirks)
    turn: Turn = {"role": message.role, "content": content}
    if message.tool_call_id is not None:
        turn["tool_call_id"] = ids.sent(message.tool_call_id)
    if message.tool_calls:
        turn["content"] = content or None
        turn["tool_calls"] = [_encode_call(call, ids) for call in message.tool_calls]
    if message.provider_items and quirks.keeps:
        _give_back(turn, message, quirks)
    # Where there are details, they say the same.
    if message.reasoning and quirks.sends_reasoning and "reasoning_details" not in turn:
        turn[quirks.sends_reasoning] = message.reasoning
    return turn


def encode_tool_call(call: ToolCall, quirks: ChatQuirks) -> dict[str, Any]:
    """A call in the assistant's turn, as the model wrote it where that is known."""
    return _encode_call(call, CallIds(short=quirks.short_call_ids))


def _encode_call(call: ToolCall, ids: CallIds) -> dict[str, Any]:
    arguments = call.raw_arguments or msgspec.json.encode(call.arguments).decode()
    function = {"name": call.name, "arguments": arguments}
    return {"id": ids.sent(call.id), "type": "function", "function": function}


# -- what the server wants back -------------------------------------------------------


def _give_back(turn: Turn, message: Message, quirks: ChatQuirks) -> None:
    """Put what the server wants back where it stood, nothing of another's."""
    _, items = kept_items(message, "chat")
    for item in items:
        for name in quirks.keeps & item.keys():
            _put_back(turn, name, item)


def _put_back(turn: Turn, name: str, item: dict[str, Any]) -> None:
    value = item[name]
    if name == "reasoning_details":
        turn[name] = value
    elif name == "thinking" and isinstance(value, list):
        turn["content"] = [*value, *as_parts(turn["content"])]
    elif name == "extra_content":
        position, calls = item.get("tool_call"), turn.get("tool_calls", [])
        if isinstance(position, int) and 0 <= position < len(calls):
            calls[position][name] = value


def _fill_reasoning(turns: list[Turn], name: str) -> None:
    """Give every turn of the assistant's its reasoning, if only an empty one."""
    for turn in turns:
        if turn["role"] == "assistant":
            turn.setdefault(name, "")


def _sign_calls(turns: list[Turn]) -> None:
    """Mark the calls of other models, of which there is no signature."""
    for turn in turns:
        calls = turn.get("tool_calls", [])
        if calls and not any("extra_content" in call for call in calls):
            calls[0]["extra_content"] = _UNSIGNED


# -- who may speak after whom ---------------------------------------------------------


def _parted(turns: list[Turn]) -> list[Turn]:
    """The turns with a word of the assistant's between a result and the user."""
    parted: list[Turn] = []
    for turn in turns:
        if turn["role"] == "user" and parted and parted[-1]["role"] == "tool":
            parted.append({"role": "assistant", "content": _BETWEEN})
        parted.append(turn)
    return parted


def _alternating(turns: list[Turn]) -> list[Turn]:
    """The turns with what one speaker says in a row put into one of them."""
    joined: list[Turn] = []
    for turn in turns:
        last = joined[-1] if joined else {}
        if turn.keys() == last.keys() == {"role", "content"} and (
            turn["role"] == last["role"] != "system"
        ):
            last["content"] = _joined(last["content"], turn["content"])
        else:
            joined.append(turn)
    return joined


def _joined(first: Any, second: Any) -> Any:
    if isinstance(first, str) and isinstance(second, str):
        return "\n\n".join(words for words in (first, second) if words)
    return [*as_parts(first), *as_parts(second)]
