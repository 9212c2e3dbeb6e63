"""What Anthropic asks of tools and of the choice among them (wire-protocols.md 4.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ...json_bytes import dig
from ..payload import Payload
from .schemas import schema_problem

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")


def tool_problems(payload: Payload) -> Iterator[str]:
    """All that is wrong with the tools."""
    tools = payload.get("tools", [])
    names = [dig(tool, "name") for tool in tools]
    for index, tool in enumerate(tools):
        yield from (f"tools.{index}{each}" for each in _own_problems(tool))
    if len(set(map(str, names))) < len(names):
        yield "tools: Tool names must be unique."
    yield from _choice_problems(payload, names)


def _own_problems(tool: Any) -> Iterator[str]:
    if not isinstance(tool, dict):
        yield ": Input should be a valid dictionary"
    elif tool.get("type", "custom") != "custom":
        return  # a tool of the provider's own
    elif "name" not in tool:
        yield ".custom.name: Field required"
    elif not _NAME.fullmatch(str(tool["name"])):
        yield ".custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"
    elif not isinstance(tool.get("input_schema"), dict):
        yield ".custom.input_schema: Field required"
    elif tool["input_schema"].get("type") != "object":
        yield ".custom.input_schema.type: Input should be 'object'"
    elif tool.get("strict") is True:
        problem = schema_problem(tool["input_schema"])
        yield from () if problem is None else (f".custom: {problem}",)


def _choice_problems(payload: Payload, names: list[Any]) -> Iterator[str]:
    choice = payload.get("tool_choice")
    if choice is None:
        return
    kind = choice.get("type")
    if kind not in ("auto", "any", "none", "tool"):
        text = f"tool_choice: Input tag '{kind}' found using 'type'"
        yield f"{text} does not match any of the expected tags"
    if not names:
        yield "tool_choice: may only be specified while providing `tools`."
    if kind == "tool" and choice.get("name") not in names:
        yield f"Tool '{choice.get('name')}' not found in provided tools"
    if kind == "none" and "disable_parallel_tool_use" in choice:
        name = "tool_choice.none.disable_parallel_tool_use"
        yield f"{name}: Extra inputs are not permitted"
