"""Completions made up from the request: the same request, the same words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from attrs import evolve, frozen

from .. import schemas, text
from ..replies import Reply

EFFORTS: Mapping[str, int] = {
    "none": 0,
    "minimal": 3,
    "low": 6,
    "medium": 12,
    "high": 24,
    "xhigh": 48,
    "max": 96,
}
"""Tokens of reasoning by effort."""

End = Literal["stop", "stop_sequence", "length", "tool_calls", "refusal"]


@frozen
class Function:
    """A tool that the model is given."""

    name: str
    parameters: Any
    """A JSON Schema."""


@frozen(kw_only=True)
class Asked:
    """What a request wants, whatever the dialect it came in."""

    model: str
    canonical: str
    budget: int | None = None
    """Tokens, reasoning included, that the answer may have."""
    stops: tuple[str, ...] = ()
    function: Function | None = None
    """What must be called, where something must."""
    json: bool = False
    """Whether the text must be a JSON object."""
    schema: Any = None
    """What the JSON must fit, where it must fit something."""
    thoughts: int = 0
    """Tokens of reasoning that the model spends."""


@frozen(kw_only=True)
class Completion:
    """An answer's content, not yet in anybody's words."""

    model: str
    text: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: tuple[tuple[str, str], ...] = ()
    """Names and arguments, as JSON."""
    end: End = "stop"
    stop: str | None = None
    """The stop sequence that ended it."""
    finish_reason: str | None = None
    """In the provider's own word, where the reply gives it."""
    scripted: bool = False
    prompt_tokens: int = 0
    reasoning_tokens: int = 0
    output_tokens: int = 0
    """With those of the reasoning."""
    usage: Mapping[str, Any] = {}
    """Laid over the provider's own object."""


def compose(asked: Asked, reply: Reply) -> Completion:
    """What the reply scripts; what the request asks for where it scripts nothing."""
    made = _scripted(asked, reply) if reply.has_content else _natural(asked)
    thoughts = len(text.tokens(made.reasoning or ""))
    arguments = "".join(arguments for _, arguments in made.tool_calls)
    words = (made.text or "") + (made.refusal or "") + arguments
    return evolve(
        made,
        model=reply.model or asked.model,
        finish_reason=reply.finish_reason,
        scripted=reply.has_content,
        prompt_tokens=count_tokens(asked.canonical),
        reasoning_tokens=thoughts,
        output_tokens=thoughts + len(text.tokens(words)),
        usage=reply.usage or {},
    )


def wanted_schema(form: Any, schema: Any) -> Any:
    """The schema that a format asks for; None where it asks for none.

    >>> wanted_schema("json_schema", None), wanted_schema("text", {"type": "null"})
    ({}, None)
    """
    if form != "json_schema":
        return None
    return {} if schema is None else schema


def count_tokens(canonical: str) -> int:
    """Tokens that a request has.

    >>> count_tokens("four characters each")
    5
    """
    return max(1, len(canonical) // 4)


def chosen(
    functions: Iterable[Function], *, forced: bool, name: str | None = None
) -> Function | None:
    """The function that must be called: the named one, or the first if any must."""
    wanted = (each for each in functions if name in (None, each.name))
    return next(wanted, None) if forced or name is not None else None


def _scripted(asked: Asked, reply: Reply) -> Completion:
    calls = tuple((name, _arguments(each)) for name, each in reply.tool_calls)
    end: End = "tool_calls" if calls else "stop"
    return Completion(
        model=asked.model,
        text=reply.text,
        reasoning=reply.reasoning,
        refusal=reply.refusal,
        tool_calls=calls,
        end=end if reply.refusal is None else "refusal",
    )


def _arguments(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _natural(asked: Asked) -> Completion:
    digest = text.digest(asked.canonical)
    thoughts = text.tokens(text.prose(digest >> 8, asked.thoughts))
    if asked.function is not None:
        return Completion(
            model=asked.model,
            reasoning="".join(thoughts) or None,
            tool_calls=(_call_of(asked.function, digest),),
            end="tool_calls",
        )
    natural = _words(asked, digest)
    until, stop = text.until(natural, asked.stops)
    words = text.tokens(until)
    left = len(words) if asked.budget is None else asked.budget - len(thoughts)
    cut = left < len(words)
    return Completion(
        model=asked.model,
        text="".join(words[: max(0, left)]),
        reasoning="".join(thoughts[: asked.budget]) or None,
        end="length" if cut else "stop_sequence" if stop is not None else "stop",
        stop=None if cut else stop,
    )


def _call_of(function: Function, digest: int) -> tuple[str, str]:
    schema = function.parameters if isinstance(function.parameters, dict) else {}
    arguments = schemas.instance({"type": "object", **schema}, digest)
    return function.name, _arguments(arguments)


def _words(asked: Asked, digest: int) -> str:
    """The natural answer: prose, or JSON where the request wants it."""
    if asked.schema is not None:
        answer = schemas.instance(asked.schema, digest)
    elif asked.json:
        answer = {"answer": text.prose(digest, 8), "score": digest % 101, "ok": True}
    else:
        return text.prose(digest, text.natural_length(digest))
    return json.dumps(answer, ensure_ascii=False)
