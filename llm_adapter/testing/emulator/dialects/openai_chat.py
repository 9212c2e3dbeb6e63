"""Chat Completions, as OpenAI defined it and Groq and the local servers speak it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from .. import faults, json_bytes
from ..http import reason
from ..replies import Reply
from ..wire import Answer
from .completions import CREATED, Asked, Completion, compose
from .dialect import Call

_DONE = b"data: [DONE]\n\n"
_JSON = "application/json"


@frozen
class Model:
    """A row of the provider's catalogue; sizes in tokens."""

    name: str
    context_window: int
    max_completion_tokens: int
    owner: str
    reasons: bool = False

    def encode(self) -> dict[str, Any]:
        return {
            "id": self.name,
            "object": "model",
            "created": CREATED,
            "owned_by": self.owner,
            "active": True,
            "context_window": self.context_window,
            "max_completion_tokens": self.max_completion_tokens,
            "public_apps": None,
        }


Check = Callable[[Mapping[str, Any], Model | None], Reply | None]
"""The refusal of a request's payload, or None; the model is None where unknown."""


@frozen(eq=False)
class OpenAIChat:
    """The dialect; what differs between its speakers is data."""

    models: Mapping[str, Model]
    headers: Mapping[str, str]
    checks: tuple[Check, ...]
    extras: Callable[[Mapping[str, Any] | None], dict[str, Any]]
    """The vendor's own fields of an answer; with the usage in a stream's last chunk."""

    def offers(self, method: str, endpoint: str) -> bool:
        if method == "GET":
            return endpoint == "/models" or endpoint.startswith("/models/")
        return (method, endpoint) == ("POST", "/chat/completions")

    def answer(self, call: Call, reply: Reply) -> Answer:
        asked = Asked.read(call.body)
        if reply.is_checked and (refusal := self._refusal(call, asked)):
            reply = reply | refusal
        if reply.error is not None or (reply.status >= 400 and not reply.has_content):
            error = reply.error or {"message": reason(reply.status), "type": "error"}
            return self._json(reply.status, {"error": error})
        if call.method == "GET":
            return self._json(reply.status, self._catalogue(call.endpoint))
        if reply.stream_error is not None and not asked.stream:
            return self._json(reply.status, reply.stream_error)
        return self._completion(asked, reply)

    def _refusal(self, call: Call, asked: Asked) -> Reply | None:
        if call.key is None or "invalid" in call.key:
            return faults.invalid_api_key()
        if call.method == "GET":
            name = _model_in(call.endpoint)
            known = name is None or name in self.models
            return None if known else faults.model_not_found(name or "")
        if asked.problem is not None:
            return faults.status(400, asked.problem)
        model = self.models.get(asked.model)
        refusals = (check(asked.payload, model) for check in self.checks)
        return next((each for each in refusals if each is not None), None)

    def _catalogue(self, endpoint: str) -> dict[str, Any]:
        name = _model_in(endpoint)
        if name is not None and name in self.models:
            return self.models[name].encode()
        models = [model.encode() for model in self.models.values()]
        return {"object": "list", "data": models}

    def _completion(self, asked: Asked, reply: Reply) -> Answer:
        model = self.models.get(asked.model)
        completion = compose(asked, reply, reasons=model is not None and model.reasons)
        if asked.stream:
            return self._stream(asked, completion, reply)
        body = completion.encode() | self.extras(None)
        return self._json(reply.status, body)

    def _json(self, status: int, body: Any) -> Answer:
        headers = {"content-type": _JSON, **self.headers}
        return Answer(status, headers, (json_bytes.encode(body),))

    def _stream(self, asked: Asked, completion: Completion, reply: Reply) -> Answer:
        deltas = [_event(completion.chunk(each)) for each in completion.deltas(reply)]
        opening = completion.chunk({"role": "assistant", "content": ""})
        ending = completion.chunk({}, completion.finish_reason)
        ending |= self.extras(completion.usage)
        if json_bytes.dig(asked.payload, "stream_options", "include_usage"):
            ending["usage"] = completion.usage
        pieces = [_event(opening | self.extras(None)), *deltas, _event(ending), _DONE]
        if reply.stream_error is not None:
            error = _event(reply.stream_error, reply.error_event)
            pieces = [*pieces[: 1 + min(reply.error_after, len(deltas))], error]
        headers = {
            "content-type": "text/event-stream",
            "cache-control": "no-cache",
            **self.headers,
        }
        return Answer(
            reply.status,
            headers,
            tuple(pieces),
            stream=True,
            finish=1 + len(deltas),
            done=2 + len(deltas),
        )


def _model_in(endpoint: str) -> str | None:
    """The model that `/models/<name>` asks for."""
    return endpoint.removeprefix("/models").removeprefix("/") or None


def _event(value: Any, name: str | None = None) -> bytes:
    lead = f"event: {name}\n".encode() if name else b""
    return b"%bdata: %b\n\n" % (lead, json_bytes.encode(value))
