"""Failures in OpenAI's words (wire-protocols.md 7.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...replies import Fault, Reply

_MODEL = "gpt-6.1-sol in organization org-emulator"


def error(
    status: int,
    message: str,
    *,
    type_: str = "invalid_request_error",
    param: str | None = None,
    code: str | None = None,
    **extra: Any,
) -> Reply:
    """A reply with OpenAI's error object, in which every field is always there."""
    words = {"message": message, "type": type_, "param": param, "code": code, **extra}
    return Reply(status=status, error=words)


def invalid(message: str, param: str | None = None, code: str | None = None) -> Reply:
    """The 400 for a request that is wrong in itself."""
    return error(400, message, param=param, code=code)


def unsupported(name: str, advice: str = "") -> Reply:
    """The 400 for a parameter that the model does not take."""
    text = f"Unsupported parameter: {name!r} is not supported with this model.{advice}"
    return invalid(text, name, "unsupported_parameter")


def model_not_found(name: str) -> Reply:
    """The 404 of all endpoints but Responses."""
    text = f"The model `{name}` does not exist or you do not have access to it."
    return error(404, text, code="model_not_found")


def response_model_not_found(name: str) -> Reply:
    """What Responses says to a model that there is not."""
    text = f"The requested model '{name}' does not exist."
    return invalid(text, "model", "model_not_found")


def invalid_api_key() -> Reply:
    text = (
        "Incorrect API key provided: sk-***. You can find your API key at "
        "https://platform.openai.com/account/api-keys."
    )
    return error(401, text, code="invalid_api_key")


def missing_api_key() -> Reply:
    text = (
        "You didn't provide an API key. You need to provide your API key in an "
        "Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
    )
    return error(401, text)


def server_error(status: int = 500) -> Reply:
    text = "The server had an error while processing your request. Sorry about that!"
    return error(status, text, type_="server_error")


def _rate_limited(fault: Fault) -> Reply:
    unit = fault.facts["unit"]
    short = "TPM" if unit == "tokens" else "RPM"
    hint = fault.facts["in_message"]
    again = "" if hint is None else f" Please try again in {hint}."
    text = (
        f"Rate limit reached for {_MODEL} on {unit} per min ({short}): Limit 30000, "
        f"Used 29500, Requested 1420.{again} "
        "Visit https://platform.openai.com/account/rate-limits to learn more."
    )
    return error(429, text, type_=unit, code="rate_limit_exceeded")


def _quota_exhausted(fault: Fault) -> Reply:
    text = (
        "You exceeded your current quota, please check your plan and billing details. "
        "For more information on this error, read the docs: "
        "https://platform.openai.com/docs/guides/error-codes/api-errors."
    )
    return error(429, text, type_="insufficient_quota", code="insufficient_quota")


def _request_too_large(fault: Fault) -> Reply:
    text = (
        f"Request too large for {_MODEL} on tokens per min (TPM): Limit 30000, "
        "Requested 34472. The input or output tokens must be reduced in order to run "
        "successfully."
    )
    return error(429, text, type_="tokens", code="rate_limit_exceeded")


def _context_length_exceeded(fault: Fault) -> Reply:
    text = (
        "This model's maximum context length is 128000 tokens. However, your messages "
        "resulted in 130125 tokens. Please reduce the length of the messages."
    )
    return invalid(text, "messages", "context_length_exceeded")


def _response_too_long(fault: Fault) -> Reply:
    text = (
        "Your input exceeds the context window of this model. Please adjust your input "
        "and try again."
    )
    return invalid(text, "input", "context_length_exceeded")


def _overloaded(fault: Fault) -> Reply:
    return error(
        503,
        "Our servers are currently overloaded. Please try again later.",
        type_="service_unavailable_error",
        code="server_is_overloaded",
    )


def _content_policy(fault: Fault) -> Reply:
    return invalid(fault["message"], None, "content_policy_violation")


def _status(fault: Fault) -> Reply:
    facts = fault.facts
    words = {"type": fault["type"], "param": None, "code": facts["code"]}
    own = {"message": facts["message"], **words, **facts["extra"]}
    return Reply(status=fault.status, error=own)


def _response_failed(fault: Fault) -> Reply:
    facts = fault.facts
    return error(500, facts["message"], type_="server_error", code=facts["code"])


Words = Mapping[str, Callable[[Fault], Reply]]

_ON_ALL: Words = {
    "status": _status,
    "rate_limited": _rate_limited,
    "quota_exhausted": _quota_exhausted,
    "request_too_large": _request_too_large,
    "context_length_exceeded": _context_length_exceeded,
    "model_not_found": lambda fault: model_not_found(fault.facts["model"]),
    "invalid_api_key": lambda fault: invalid_api_key(),
    "overloaded": _overloaded,
    "server_error": lambda fault: server_error(fault.status),
    "content_policy": _content_policy,
    "stream_error": lambda fault: server_error(),
    "error_lost": lambda fault: server_error(),
    "response_failed": _response_failed,
}
_ON_RESPONSES: Words = {
    **_ON_ALL,
    "context_length_exceeded": _response_too_long,
    "model_not_found": lambda fault: response_model_not_found(fault.facts["model"]),
}


def words(fault: Fault) -> Reply:
    """The fault as all endpoints but Responses say it."""
    return _ON_ALL[fault.kind](fault)


def response_words(fault: Fault) -> Reply:
    """The fault as Responses says it."""
    return _ON_RESPONSES[fault.kind](fault)
