"""Anthropic's models and what each of them takes (wire-protocols.md 4.4 and 9)."""

from __future__ import annotations

import re
from typing import Any, Literal, get_args

from attrs import frozen

_DATED = re.compile(r"-\d{8}$")

_ALL_EFFORTS = ("low", "medium", "high", "xhigh", "max")

_UP_TO_HIGH = ("low", "medium", "high")
QUIET = ("disabled", "between_tools")
"""The kinds that keep a model from thinking."""

Kind = Literal["adaptive", "enabled", "disabled", "between_tools"]
KINDS = get_args(Kind)


@frozen(kw_only=True)
class Model:
    """A row of the catalogue; sizes in tokens."""

    name: str
    display_name: str
    line: str
    created_at: str
    max_input: int = 1_000_000
    max_output: int = 128_000
    thinks: bool = False
    """Whether it thinks unless it is told not to."""
    kinds: tuple[Kind, ...] = ("adaptive", "disabled")
    """The kinds of thinking that can be asked for."""
    efforts: tuple[str, ...] = _ALL_EFFORTS
    effort: str = "high"
    """The default."""
    calm: tuple[str, ...] = _ALL_EFFORTS
    """The efforts at which it may be told not to think."""
    forces: bool = True
    """Whether it can be made to call a tool, while it does not think."""
    bound: bool = False
    """Whether its thoughts are good for no other model."""
    omits: bool = True
    """Whether the text of thoughts is left out by default."""
    samples: bool = False
    """Whether temperature and its like may be set, on the older API version."""
    prefill: bool = False
    system_messages: bool = True
    """Whether `system` is a role."""
    deprecated_at: str | None = None
    retires_at: str | None = None

    @property
    def quiet(self) -> str | None:
        """The kind that keeps it from thinking; None where it always does."""
        return next((kind for kind in QUIET if kind in self.kinds), None)

    def encode(self) -> dict[str, Any]:
        return {
            "id": self.name,
            "type": "model",
            "display_name": self.display_name,
            "created_at": self.created_at,
            "lifecycle": "active" if self.retires_at is None else "deprecated",
            "deprecated_at": self.deprecated_at,
            "retires_at": self.retires_at,
            "line": self.line,
            "max_input_tokens": self.max_input,
            "max_tokens": self.max_output,
            "capabilities": self._capabilities(),
        }

    def _capabilities(self) -> dict[str, Any]:
        everywhere = (
            *("batch", "citations", "code_execution", "context_management"),
            *("image_input", "pdf_input", "structured_outputs"),
        )
        levels = {each: _leaf(each in self.efforts) for each in _ALL_EFFORTS}
        return {
            **{name: _leaf(True) for name in everywhere},
            "effort": {**_leaf(bool(self.efforts)), **levels},
            "server_tools": {
                **_leaf(True),
                "code_execution": _leaf(True),
                "web_search": _leaf(True),
            },
            "thinking": {
                **_leaf(True),
                "types": {kind: _leaf(kind in self.kinds) for kind in KINDS},
            },
        }


def _leaf(supported: bool) -> dict[str, Any]:
    return {"supported": supported}


def _model(line: str, version: str, created: str, **fields: Any) -> Model:
    return Model(
        name=f"claude-{line}-{version.replace('.', '-')}",
        display_name=f"Claude {line.capitalize()} {version}",
        line=line,
        created_at=f"{created}T00:00:00Z",
        **fields,
    )


_4_5: dict[str, Any] = {
    "kinds": ("enabled", "disabled"),
    "efforts": (),
    "omits": False,
    "samples": True,
    "prefill": True,
    "system_messages": False,
    "max_input": 200_000,
    "max_output": 64_000,
}
_4_6: dict[str, Any] = {
    "kinds": ("adaptive", "enabled", "disabled"),
    "efforts": ("low", "medium", "high", "max"),
    "omits": False,
    "samples": True,
    "system_messages": False,
}
_ALWAYS: dict[str, Any] = {
    "thinks": True,
    "kinds": ("adaptive",),
    "forces": False,
    "bound": True,
}
_5: dict[str, Any] = {"thinks": True, "calm": _UP_TO_HIGH}

# Newest first, as the API lists them.
_MODELS = (
    _model("fable", "5.2", "2026-11-10", **_ALWAYS),
    _model("haiku", "5.5", "2026-10-07", **_5, effort="medium", bound=True),
    _model(
        *("sonnet", "5.5", "2026-09-28"),
        **_5,
        kinds=("adaptive", "between_tools"),
        forces=False,
        bound=True,
    ),
    _model("opus", "5.5", "2026-09-22", **_ALWAYS, effort="medium"),
    _model("fable", "5.1", "2026-08-18", **_ALWAYS),
    _model("opus", "5", "2026-07-14", **_5),
    _model("sonnet", "5", "2026-06-23", thinks=True, system_messages=False),
    _model("fable", "5", "2026-06-02", **_ALWAYS),
    _model("opus", "4.8", "2026-05-12"),
    _model("opus", "4.7", "2026-04-14", system_messages=False),
    _model("sonnet", "4.6", "2026-02-17", **_4_6),
    _model("opus", "4.6", "2026-02-05", **_4_6),
    _model("opus", "4.5", "2025-11-24", **{**_4_5, "efforts": _UP_TO_HIGH}),
    _model("haiku", "4.5", "2025-10-15", **_4_5),
    _model(
        *("sonnet", "4.5", "2025-09-29"),
        **_4_5,
        deprecated_at="2026-09-28T00:00:00Z",
        retires_at="2026-11-30T00:00:00Z",
    ),
)
MODELS = {model.name: model for model in _MODELS}


def model_of(name: str) -> Model | None:
    """The model of that name, which may carry a date.

    >>> model_of("claude-haiku-4-5-20251001").display_name
    'Claude Haiku 4.5'
    """
    return MODELS.get(name) or MODELS.get(_DATED.sub("", name))
