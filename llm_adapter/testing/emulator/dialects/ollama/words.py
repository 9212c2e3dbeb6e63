"""Failures in Ollama's words (wire-protocols.md 5.3 and 5.4)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from ...replies import Fault, Reply


def error(status: int, message: str) -> Reply:
    """A reply with Ollama's error object; the type follows from the status."""
    types = {400: "invalid_request_error", 404: "not_found_error"}
    type_ = types.get(status, "api_error")
    words = {"message": message, "type": type_, "param": None, "code": None}
    return Reply(status=status, error=words)


def model_not_found(name: str) -> Reply:
    return error(404, f"model '{name}' not found")


def _overloaded() -> Reply:
    text = "server busy, please try again.  maximum pending requests exceeded"
    return error(503, text)


def _too_long(fault: Fault) -> Reply:
    """What the runner says to a prompt that it does not cut, in its own JSON."""
    said = {
        "code": 400,
        "message": "request (5827 tokens) exceeds the available context size "
        "(4096 tokens), try increasing it",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": 5827,
        "n_ctx": 4096,
    }
    return error(400, json.dumps({"error": said}))


def _status(fault: Fault) -> Reply:
    facts = fault.facts
    said = error(fault.status, facts["message"]).error or {}
    own = {"type": facts["type"] or said["type"], "code": facts["code"]}
    return Reply(status=fault.status, error={**said, **own, **facts["extra"]})


_WORDS: Mapping[str, Callable[[Fault], Reply]] = {
    "status": _status,
    "rate_limited": lambda fault: error(429, "too many requests"),
    "quota_exhausted": lambda fault: error(429, "you have reached your usage limit"),
    "request_too_large": lambda fault: error(413, "request body too large"),
    "context_length_exceeded": _too_long,
    "model_not_found": lambda fault: model_not_found(fault.facts["model"]),
    "invalid_api_key": lambda fault: error(401, "unauthorized"),
    "overloaded": lambda fault: _overloaded(),
    "server_error": lambda fault: error(fault.status, "model runner has stopped"),
    "content_policy": lambda fault: Reply(refusal=fault["message"]),
    "stream_error": lambda fault: error(500, "an error was encountered while running"),
    "error_lost": lambda fault: error(500, "an error was encountered while running"),
    "response_failed": lambda fault: error(500, fault.facts["message"]),
}


def words(fault: Fault) -> Reply:
    """The fault as Ollama says it."""
    return _WORDS[fault.kind](fault)
