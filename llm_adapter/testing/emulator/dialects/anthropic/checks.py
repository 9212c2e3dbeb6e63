"""What Anthropic's Messages refuses of a request (wire-protocols.md 4.1 to 4.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ...json_bytes import dig
from ...replies import Reply
from ..dialect import Call
from ..payload import Payload, Types, allowed
from .models import KINDS, QUIET, Model, model_of
from .schemas import schema_problem
from .thinking import thinks
from .tools import tool_problems
from .turns import conversation_problems
from .words import invalid, model_not_found, not_permitted

_NUMBER = (int, float)
_NAMES: Mapping[type, str] = {
    str: "string",
    list: "list",
    dict: "dictionary",
    int: "integer",
    float: "number",
    bool: "boolean",
}

COUNT_TYPES: Types = {
    "model": str,
    "messages": list,
    "system": (str, list),
    "tools": list,
    **dict.fromkeys(("tool_choice", "thinking", "output_config"), dict),
    **dict.fromkeys(("speed", "user_profile_id"), str),
    "cache_control": dict,
}
TYPES: Types = {
    **COUNT_TYPES,
    "max_tokens": int,
    "stop_sequences": list,
    "stream": bool,
    **dict.fromkeys(("temperature", "top_p"), _NUMBER),
    "top_k": int,
    **dict.fromkeys(("metadata", "diagnostics"), dict),
    **dict.fromkeys(("service_tier", "inference_geo"), str),
    "container": (str, dict),
}

_SAMPLING = {"temperature": 1, "top_p": 1, "top_k": None}
"""With the default values."""


def check(call: Call, payload: Payload) -> Reply | None:
    """The refusal of a request for an answer, or None."""
    return next(_problems(call, payload, TYPES), None)


def check_count(call: Call, payload: Payload) -> Reply | None:
    """The refusal of a request to count tokens, or None."""
    return next(_problems(call, payload, COUNT_TYPES), None)


def _problems(call: Call, payload: Payload, types: Types) -> Iterator[Reply]:
    if not payload.is_object:
        yield invalid("The request body is not valid JSON.")
    yield from _field_problems(payload, types)
    yield from _version_problems(call, payload)
    model = model_of(payload.model)
    if model is None:
        yield model_not_found(payload.model)
    else:
        yield from map(invalid, _model_problems(payload, model))


def _model_problems(payload: Payload, model: Model) -> Iterator[str]:
    yield from conversation_problems(payload, model)
    yield from tool_problems(payload)
    for check in _CHECKS:
        yield from check(payload, model)


def _field_problems(payload: Payload, types: Types) -> Iterator[Reply]:
    required = ("model", "messages", "max_tokens")
    given = {*payload.fields, *payload.wrong}
    for name in (each for each in required if each in types and each not in given):
        yield invalid(f"{name}: Field required")
    for name in payload.wrong:
        yield invalid(
            f"{name}: Input should be a valid {_NAMES[allowed(types, name)[0]]}"
        )
    for name in (each for each in payload.fields if each not in types):
        yield not_permitted(name)


def _version_problems(call: Call, payload: Payload) -> Iterator[Reply]:
    if call.header("anthropic-version") == "2023-06-01":
        return
    for name in (each for each in _SAMPLING if each in payload.fields):
        yield not_permitted(name)
    for place, role, block in _blocks(payload):
        if role == "assistant" and block.get("type") == "document":
            yield invalid(f"{place}: `document` blocks are not permitted here")
        cited = block.get("type") == "text" and block.get("citations")
        if role == "user" and cited:
            yield not_permitted(f"{place}.citations")


def _blocks(payload: Payload) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """All content blocks of the messages, each with its place and role."""
    for index, message in enumerate(payload.get("messages")):
        content = dig(message, "content")
        for number, block in enumerate(content if isinstance(content, list) else ()):
            if isinstance(block, dict):
                yield f"messages.{index}.content.{number}", message.get("role"), block


# -- by model -------------------------------------------------------------------------


def _check_max_tokens(payload: Payload, model: Model) -> Iterator[str]:
    wanted = payload.get("max_tokens", 1)
    if wanted < 0:
        yield "max_tokens: Input should be greater than or equal to 0"
    form = payload.dig("output_config", "format")
    if wanted == 0 and (payload.stream or form or _forces(payload)):
        yield (
            "max_tokens: 0 cannot be combined with `stream`, `output_config.format` or "
            "a forced tool"
        )
    if wanted > model.max_output:
        yield (
            f"max_tokens: {wanted} > {model.max_output}, which is the maximum allowed "
            f"number of output tokens for {payload.model}"
        )


def _check_sampling(payload: Payload, model: Model) -> Iterator[str]:
    set_ = [name for name in _SAMPLING if name in payload.fields]
    changed = [name for name in set_ if payload.get(name) != _SAMPLING[name]]
    if changed and not model.samples:
        yield f"`{changed[0]}` is deprecated for this model."
    if "temperature" in set_ and "top_p" in set_:
        yield (
            "`temperature` and `top_p` cannot both be specified for this model. "
            "Please use only one."
        )
    if "temperature" in changed and thinks(payload):
        yield "`temperature` may only be set to 1 when thinking is enabled."
    for name in ("temperature", "top_p"):
        if not 0 <= payload.get(name, 0) <= 1:
            yield f"{name}: range: 0..1"


def _check_thinking(payload: Payload, model: Model) -> Iterator[str]:
    kind = payload.dig("thinking", "type")
    if kind is None and "thinking" in payload.fields:
        yield "thinking.type: Field required"
    elif kind in KINDS and kind not in model.kinds:
        yield _unsupported_kind(kind, model)
    elif kind in QUIET and _effort(payload, model) not in model.calm:
        text = f'"thinking.type.{kind}" is not supported at effort '
        yield f"{text}'{_effort(payload, model)}' on this model."
    elif kind is not None and kind not in KINDS:
        yield f"thinking: Input tag '{kind}' found using 'type' does not match any tag"


def _unsupported_kind(kind: Any, model: Model) -> str:
    if kind == "adaptive":
        return "adaptive thinking is not supported on this model"
    advice = (
        '"thinking.type.adaptive" and "output_config.effort" to control thinking '
        "behavior"
    )
    if kind == "disabled" and model.quiet is not None:
        advice = f'"thinking.type.{model.quiet}" to turn off up-front thinking'
    return f'"thinking.type.{kind}" is not supported for this model. Use {advice}.'


def _check_budget(payload: Payload, model: Model) -> Iterator[str]:
    budget = payload.dig("thinking", "budget_tokens")
    if payload.dig("thinking", "type") != "enabled" or "enabled" not in model.kinds:
        return
    if not isinstance(budget, int):
        yield "thinking.enabled.budget_tokens: Field required"
    elif budget < 1024:
        yield (
            "thinking.enabled.budget_tokens: Input should be greater than or equal to "
            "1024"
        )
    elif budget >= payload.get("max_tokens", budget + 1):
        yield "`max_tokens` must be greater than `thinking.budget_tokens`."


def _effort(payload: Payload, model: Model) -> str:
    return str(payload.dig("output_config", "effort") or model.effort)


def _check_effort(payload: Payload, model: Model) -> Iterator[str]:
    wanted = payload.dig("output_config", "effort")
    if wanted is None or wanted in model.efforts:
        return
    if not model.efforts:
        yield "This model does not support the effort parameter."
    known = ", ".join(sorted(model.efforts))
    yield (
        f"This model does not support effort level '{wanted}'. "
        f"Supported levels: {known}."
    )


def _forces(payload: Payload) -> bool:
    """Whether a tool must be called."""
    return payload.dig("tool_choice", "type") in ("any", "tool")


def _check_forced_tool(payload: Payload, model: Model) -> Iterator[str]:
    if _forces(payload) and not model.forces:
        yield "tool_choice: forced tool use is not supported for this model."
    elif _forces(payload) and thinks(payload):
        yield "Thinking may not be enabled when tool_choice forces tool use."


def _check_stops(payload: Payload, model: Model) -> Iterator[str]:
    if any(not str(stop).strip() for stop in payload.get("stop_sequences", [])):
        yield "stop_sequences: each stop sequence must contain non-whitespace"


def _check_format(payload: Payload, model: Model) -> Iterator[str]:
    form = payload.dig("output_config", "format")
    if form is None:
        return
    if dig(form, "type") != "json_schema":
        yield "output_config.format.type: Input should be 'json_schema'"
    problem = schema_problem(dig(form, "schema"))
    if problem is not None:
        yield f"output_config.format.schema: {problem}"
    for place, _, block in _blocks(payload):
        if dig(block, "citations", "enabled") is True:
            yield f"{place}.citations: cannot be combined with `output_config.format`"


_CHECKS: tuple[Callable[[Payload, Model], Iterator[str]], ...] = (
    _check_max_tokens,
    _check_sampling,
    _check_thinking,
    _check_budget,
    _check_effort,
    _check_forced_tool,
    _check_stops,
    _check_format,
)
