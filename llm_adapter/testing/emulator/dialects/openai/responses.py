"""OpenAI's Responses (wire-protocols.md 2): the answer in one object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from ...json_bytes import dig
from ...replies import Fault, Reply
from ..completions import (
    EFFORTS,
    Asked,
    Completion,
    Function,
    chosen,
    compose,
    count_tokens,
    wanted_schema,
)
from ..dialect import CREATED, REQUEST_ID
from ..payload import Payload, objects
from .models import model_of
from .words import response_words

_PHASED = ("gpt-5.3-codex", "gpt-5.4", "gpt-5.5", "gpt-5.6", "gpt-6")
"""The models that tell the last words from those before."""

_INCOMPLETE = ("max_output_tokens", "max_messages", "content_filter", "steered")


@frozen(kw_only=True)
class Response:
    """A response that is made up, before it is whole or streamed."""

    payload: Payload
    made: Completion
    items: tuple[dict[str, Any], ...]
    status: str
    reason: str | None
    """Why it is incomplete."""

    def encode(self) -> dict[str, Any]:
        """The response as it is in the end."""
        own = {
            "status": self.status,
            "incomplete_details": self.reason and {"reason": self.reason},
            "output": list(self.items),
            "usage": _usage(self.made),
        }
        if self.status == "failed":
            own["error"] = failure_error("server_error")
        return {**base(self.payload, self.made.model), **own}


def respond(payload: Payload, reply: Reply) -> Response:
    """The response that a request gets."""
    made = compose(asked(payload), reply)
    status, reason = _status(made)
    return Response(
        payload=payload,
        made=made,
        items=tuple(_items(payload, made, status)),
        status=status,
        reason=reason,
    )


def asked(payload: Payload) -> Asked:
    """What the request wants."""
    form = payload.dig("text", "format", "type")
    schema = payload.dig("text", "format", "schema")
    return Asked(
        model=payload.model,
        canonical=payload.canonical,
        budget=payload.get("max_output_tokens"),
        function=_function(payload),
        json=form == "json_object",
        schema=wanted_schema(form, schema),
        thoughts=EFFORTS.get(effort(payload), 12),
    )


def effort(payload: Payload) -> str:
    """How much the model reasons: as asked, or as it does by default."""
    model = model_of(payload.model)
    if model is None or not model.reasons:
        return "none"
    return payload.dig("reasoning", "effort") or model.effort


def _function(payload: Payload) -> Function | None:
    choice = payload.get("tool_choice")
    functions = _functions(payload)
    if dig(choice, "type") == "allowed_tools":
        allowed = [each.get("name") for each in objects(choice.get("tools"))]
        functions = [each for each in functions if each.name in allowed]
        return chosen(functions, forced=choice.get("mode") == "required")
    return chosen(functions, forced=choice == "required", name=dig(choice, "name"))


def _functions(payload: Payload) -> list[Function]:
    return [
        Function(tool["name"], tool.get("parameters"))
        for tool in payload.objects("tools")
        if isinstance(tool.get("name"), str)
    ]


def _status(made: Completion) -> tuple[str, str | None]:
    word = made.finish_reason
    if word is None:
        word = "max_output_tokens" if made.end == "length" else "completed"
    return ("incomplete", word) if word in _INCOMPLETE else (word, None)


# -- items ----------------------------------------------------------------------------


def _items(payload: Payload, made: Completion, status: str) -> Iterator[dict[str, Any]]:
    ended = "incomplete" if status == "incomplete" else "completed"
    if made.reasoning is not None or effort(payload) != "none":
        yield _reasoning(payload, made)
    if made.refusal is not None:
        part = {"type": "refusal", "refusal": made.refusal}
        yield _message(payload, part, ended)
    elif made.text or (made.text is not None and made.scripted):
        yield _message(payload, text_part(made.text), ended)
    for index, (name, arguments) in enumerate(made.tool_calls):
        yield {
            "id": f"fc_{REQUEST_ID}_{index}",
            "type": "function_call",
            "status": ended,
            "call_id": f"call_{REQUEST_ID}_{index}",
            "name": name,
            "arguments": arguments,
        }


def _reasoning(payload: Payload, made: Completion) -> dict[str, Any]:
    shown = made.scripted or payload.dig("reasoning", "summary") is not None
    text = made.reasoning if shown else None
    return {
        "id": f"rs_{REQUEST_ID}",
        "type": "reasoning",
        "summary": [] if text is None else [{"type": "summary_text", "text": text}],
        "encrypted_content": f"{SEAL}{REQUEST_ID}",
    }


SEAL = "gAAAAAB"
"""How encrypted reasoning begins; the id of its item follows."""


def _message(payload: Payload, part: dict[str, Any], status: str) -> dict[str, Any]:
    newer = payload.model.startswith(_PHASED)
    return {
        "id": f"msg_{REQUEST_ID}",
        "type": "message",
        "status": status,
        "role": "assistant",
        **({"phase": "final_answer"} if newer else {}),
        "content": [part],
    }


def text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


# -- the object around them -----------------------------------------------------------


def base(payload: Payload, model: str) -> dict[str, Any]:
    """The response as it begins: what was asked, and nothing said."""
    get = payload.get
    return {
        "id": f"resp_{REQUEST_ID}",
        "object": "response",
        "created_at": CREATED,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": get("instructions"),
        "max_output_tokens": get("max_output_tokens"),
        "max_tool_calls": get("max_tool_calls"),
        "model": model,
        "output": [],
        "parallel_tool_calls": get("parallel_tool_calls", True),
        "previous_response_id": None,
        "reasoning": {
            "effort": effort(payload),
            "summary": payload.dig("reasoning", "summary"),
        },
        "service_tier": "default",
        "store": get("store", True),
        "temperature": get("temperature", 1.0),
        "text": {"format": {"type": "text"}, "verbosity": "medium", **get("text", {})},
        "tool_choice": get("tool_choice", "auto"),
        "tools": get("tools", []),
        "top_p": get("top_p", 1.0),
        "truncation": get("truncation", "disabled"),
        "usage": None,
        "metadata": get("metadata", {}),
    }


def _usage(made: Completion) -> dict[str, Any]:
    return {
        "input_tokens": made.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": made.output_tokens,
        "output_tokens_details": {"reasoning_tokens": made.reasoning_tokens},
        "total_tokens": made.prompt_tokens + made.output_tokens,
        **made.usage,
    }


def failure_error(code: str, message: str | None = None) -> dict[str, Any]:
    """The error inside a response that failed."""
    text = "The model failed to generate a response. Please try again."
    return {"code": code, "message": message or text}


def failed(fault: Fault, payload: Payload) -> Mapping[str, Any] | None:
    """The response that failed with HTTP 200; None for any other fault."""
    if fault.kind != "response_failed":
        return None
    error = failure_error(fault.facts["code"], fault.facts["message"])
    return {**base(payload, payload.model), "status": "failed", "error": error}


def stream_error(fault: Fault) -> dict[str, Any]:
    """The error event's own fields: at the top, not under `error`."""
    error = response_words(fault).error or fault
    told = {name: error.get(name) for name in ("code", "message", "param")}
    return {"type": "error", **told, "code": told["code"] or error.get("type")}


def count_input(payload: Payload) -> dict[str, Any]:
    """The answer of `/responses/input_tokens`."""
    tokens = count_tokens(payload.canonical)
    return {"object": "response.input_tokens", "input_tokens": tokens}
