"""Completions made up from the request: the same request, the same words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Self

from attrs import evolve, frozen

from .. import json_bytes, schemas, text
from ..json_bytes import dig
from ..replies import Reply
from .dialect import REQUEST_ID

CREATED = 1_795_305_600
"""2026-11-22, in Unix seconds: answers do not depend on the clock."""

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "model": str,
    "messages": list,
    "tools": list,
    "tool_choice": (str, dict),
    "response_format": dict,
    "stop": (str, list),
    "n": int,
    "max_tokens": int,
    "max_completion_tokens": int,
    "stream": bool,
    "stream_options": dict,
    "reasoning_effort": str,
    "reasoning_format": str,
    "include_reasoning": bool,
}
_REASONING_TOKENS = {"low": 6, "medium": 12, "high": 24}


@frozen
class Asked:
    """A request's payload without what cannot be read, and what is wrong with it."""

    payload: Mapping[str, Any]
    problem: str | None
    canonical: str
    """All that decides about the answer's words, in one spelling."""

    @classmethod
    def read(cls, body: bytes) -> Self:
        decoded = json_bytes.decode_object(body, besides="stream")
        if decoded is None:
            return cls({}, "the request body is not a JSON object", "")
        payload, canonical = decoded
        wrong = _wrongly_typed(payload)
        problem = f"{wrong[0]!r} : value has the wrong type" if wrong else None
        readable = {name: each for name, each in payload.items() if name not in wrong}
        return cls(readable, problem, canonical)

    @property
    def model(self) -> str:
        return str(self.payload.get("model"))

    @property
    def stream(self) -> bool:
        return self.payload.get("stream") is True

    @property
    def budget(self) -> int | None:
        """Tokens, reasoning included, that the answer may have."""
        preferred = self.payload.get("max_completion_tokens")
        budget = self.payload.get("max_tokens") if preferred is None else preferred
        return None if budget is None else int(budget)

    @property
    def stops(self) -> list[str]:
        stop = self.payload.get("stop") or []
        several = [stop] if isinstance(stop, str) else stop
        return [each for each in several if isinstance(each, str)]

    @property
    def forced_tool(self) -> Mapping[str, Any] | None:
        """The function that must be called, where one must."""
        choice = self.payload.get("tool_choice")
        wanted = dig(choice, "function", "name")
        if choice != "required" and wanted is None:
            return None
        functions = (dig(tool, "function") for tool in self.payload.get("tools") or ())
        named = (each for each in functions if isinstance(dig(each, "name"), str))
        return next((each for each in named if wanted in (None, each["name"])), None)


def _wrongly_typed(payload: Mapping[str, Any]) -> list[str]:
    return [
        name
        for name, allowed in _TYPES.items()
        if payload.get(name) is not None and not isinstance(payload[name], allowed)
    ]


@frozen(kw_only=True)
class Completion:
    """An answer's content, not yet whole or streamed."""

    model: str
    text: str | None = None
    reasoning: str | None = None
    tool_calls: tuple[tuple[str, str], ...] = ()
    finish_reason: str = "stop"
    usage: Mapping[str, Any] | None = None

    def encode(self) -> dict[str, Any]:
        """The whole answer as one object."""
        message: dict[str, Any] = {"role": "assistant"}
        if self.text is not None:
            message["content"] = self.text
        if self.reasoning is not None:
            message["reasoning"] = self.reasoning
        if self.tool_calls:
            message["tool_calls"] = [
                _tool_call(index, name, arguments)
                for index, (name, arguments) in enumerate(self.tool_calls)
            ]
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": self.finish_reason,
        }
        return {
            **self._envelope("chat.completion", choice),
            "usage": self.usage,
            "service_tier": "on_demand",
        }

    def chunk(
        self, delta: Mapping[str, Any], finish_reason: str | None = None
    ) -> dict[str, Any]:
        """One event of the stream."""
        choice = {
            "index": 0,
            "delta": delta,
            "logprobs": None,
            "finish_reason": finish_reason,
        }
        return self._envelope("chat.completion.chunk", choice)

    def _envelope(self, kind: str, choice: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{REQUEST_ID}",
            "object": kind,
            "created": CREATED,
            "model": self.model,
            "system_fingerprint": "fp_emulator",
            "choices": [choice],
        }

    def deltas(self, reply: Reply) -> Iterator[dict[str, Any]]:
        """The content in pieces: reasoning, then text, then tool calls."""
        for piece in text.split(self.reasoning or "", reply.deltas):
            yield {"reasoning": piece, "channel": "analysis"}
        for piece in text.split(self.text or "", reply.deltas):
            yield {"content": piece}
        for index, (name, arguments) in enumerate(self.tool_calls):
            first, *rest = text.split(arguments, reply.deltas or 1) or [""]
            call = {"index": index, **_tool_call(index, name, first)}
            yield {"tool_calls": [call]}
            for piece in rest:
                more = {"index": index, "function": {"arguments": piece}}
                yield {"tool_calls": [more]}


def _tool_call(index: int, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    identity = f"call_{REQUEST_ID}_{index}"
    return {"id": identity, "type": "function", "function": function}


def compose(asked: Asked, reply: Reply, *, reasons: bool) -> Completion:
    """What the reply scripts; what the request asks for where it scripts nothing."""
    made = _scripted(reply, asked) if reply.has_content else _natural(asked, reasons)
    return evolve(
        made if reply.has_content else _formatted(made, asked),
        model=reply.model or asked.model,
        finish_reason=reply.finish_reason or made.finish_reason,
        usage=_usage(asked, made) | dict(reply.usage or {}),
    )


def _scripted(reply: Reply, asked: Asked) -> Completion:
    return Completion(
        model=asked.model,
        text=reply.text,
        reasoning=reply.reasoning,
        tool_calls=tuple((name, _arguments(each)) for name, each in reply.tool_calls),
        finish_reason="tool_calls" if reply.tool_calls else "stop",
    )


def _arguments(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _natural(asked: Asked, reasons: bool) -> Completion:
    digest = text.digest(asked.canonical)
    thoughts = text.tokens(_reasoning(asked, digest)) if reasons else []
    function = asked.forced_tool
    if function is not None:
        return Completion(
            model=asked.model,
            reasoning="".join(thoughts) or None,
            tool_calls=(_call_of(function, digest),),
            finish_reason="tool_calls",
        )
    words = text.tokens(text.before(_words(asked, digest), asked.stops))
    left = len(words) if asked.budget is None else asked.budget - len(thoughts)
    cut = left < len(words)
    return Completion(
        model=asked.model,
        text="".join(words[: max(0, left)]),
        reasoning="".join(thoughts[: asked.budget]) or None,
        finish_reason="length" if cut else "stop",
    )


def _call_of(function: Mapping[str, Any], digest: int) -> tuple[str, str]:
    parameters = function.get("parameters")
    schema = parameters if isinstance(parameters, dict) else {}
    arguments = schemas.instance({"type": "object", **schema}, digest)
    return function["name"], _arguments(arguments)


def _reasoning(asked: Asked, digest: int) -> str:
    effort = asked.payload.get("reasoning_effort") or "medium"
    return text.prose(digest >> 8, _REASONING_TOKENS.get(effort, 12))


def _words(asked: Asked, digest: int) -> str:
    """The natural answer: prose, or JSON where the request wants it."""
    form = asked.payload.get("response_format") or {}
    if form.get("type") == "json_schema":
        schema = dig(form, "json_schema", "schema")
        return json.dumps(schemas.instance(schema, digest), ensure_ascii=False)
    if form.get("type") == "json_object":
        answer = {"answer": text.prose(digest, 8), "score": digest % 101, "ok": True}
        return json.dumps(answer, ensure_ascii=False)
    return text.prose(digest, text.natural_length(digest))


def _formatted(made: Completion, asked: Asked) -> Completion:
    """Hides the reasoning or moves it into the text, as the request asks."""
    form = asked.payload.get("reasoning_format")
    if form == "hidden" or asked.payload.get("include_reasoning") is False:
        return evolve(made, reasoning=None)
    if form == "raw" and made.reasoning is not None:
        inline = f"<think>\n{made.reasoning}\n</think>\n{made.text}"
        return evolve(made, reasoning=None, text=inline)
    return made


def _usage(asked: Asked, made: Completion) -> dict[str, Any]:
    """Token counts, and times in seconds that follow from them."""
    thoughts = len(text.tokens(made.reasoning or ""))
    arguments = "".join(arguments for _, arguments in made.tool_calls)
    written = thoughts + len(text.tokens((made.text or "") + arguments))
    prompt = max(1, len(asked.canonical) // 4)
    times = prompt / 100_000, written / 1_000
    usage: dict[str, Any] = {
        "queue_time": 0.001,
        "prompt_tokens": prompt,
        "prompt_time": times[0],
        "completion_tokens": written,
        "completion_time": times[1],
        "total_tokens": prompt + written,
        "total_time": sum(times),
    }
    if thoughts:
        usage["completion_tokens_details"] = {"reasoning_tokens": thoughts}
    return usage
