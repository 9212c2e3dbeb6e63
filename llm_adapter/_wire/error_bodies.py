"""Bodies of errors, whatever their shape: what they say, in one value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from .body import excerpt, looks_like_html, mapping, text

_LONGEST_MESSAGE = 2000


@frozen(kw_only=True)
class ErrorBody:
    """What an error body says.

    Args:
        message: in words.
        code: the provider's most exact code.
        type: its broader word for the kind of error.
        reasons: further codes that it gives beside these.
        status: the HTTP status that it names.
        wait: the duration that it asks to wait for, such as 46s.
        failed_generation: what the model wrote, when that was rejected.
    """

    message: str = ""
    code: str | None = None
    type: str | None = None
    reasons: tuple[str, ...] = ()
    status: int | None = None
    wait: str | None = None
    failed_generation: str | None = None

    @property
    def codes(self) -> list[str]:
        """What it says about its kind, the most exact first, in lower case."""
        known = [*self.reasons, self.code, self.type]
        return [code.lower() for code in known if code is not None]


def describes_error(value: Any) -> bool:
    """Whether a body is an error, although its status says success."""
    fields = mapping(_first(value))
    return (
        any(fields.get(name) for name in ("error", "errors", "detail"))
        or fields.get("object") == "error"
        or fields.get("type") == "error"
    )


def read_error(value: Any) -> ErrorBody:
    """Message, code and type of an error body of any known shape."""
    if isinstance(value, str):
        return ErrorBody(message=_readable(value))
    outer = mapping(_first(value))
    inner = _first(outer.get("error") or outer.get("errors"))
    source = mapping(inner) or outer
    details = source.get("details")
    metadata = mapping(source.get("metadata"))
    code = source.get("code")
    named = mapping(details).get("error_code"), metadata.get("error_type"), code
    statuses = code, source.get("status_code"), outer.get("status_code")
    failed = source.get("failed_generation")
    return ErrorBody(
        message=_readable(text(inner) or _message(source, metadata)),
        code=next(filter(None, map(text, named)), _code(source)),
        type=text(source.get("type")),
        reasons=(*_reasons(details), *_moderation(metadata)),
        status=next(filter(None, map(_status, statuses)), None),
        wait=next(_texts(details, "retryDelay"), None),
        failed_generation=failed if isinstance(failed, str) else None,
    )


def _first(value: Any) -> Any:
    """A value, or the first item of one that is a list (Google)."""
    return value[0] if isinstance(value, list) and value else value


def _code(source: Mapping[str, Any]) -> str | None:
    """The code where it is a number: Google's word beside it, or the number itself."""
    code = source.get("code")
    if isinstance(code, bool) or not isinstance(code, int):
        return None
    return text(source.get("status")) or (None if 100 <= code < 600 else str(code))


def _status(value: object) -> int | None:
    if isinstance(value, str) and len(value) == 3 and value.isdecimal():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600:
        return value
    return None


# -- why ------------------------------------------------------------------------------


def _reasons(details: object) -> Iterator[str]:
    """Codes among Google's details: why, and which quota is used up."""
    yield from _texts(details, "reason")
    for detail in details if isinstance(details, list) else ():
        yield from _texts(mapping(detail).get("violations"), "quotaId")


def _moderation(metadata: Mapping[str, Any]) -> Iterator[str]:
    """OpenRouter's 403 for a prompt that was flagged."""
    if metadata.get("flagged_input") or metadata.get("reasons"):
        yield "content_policy_violation"


def _texts(items: object, name: str) -> Iterator[str]:
    for item in items if isinstance(items, list) else ():
        if value := text(mapping(item).get(name)):
            yield value


# -- the message ----------------------------------------------------------------------


def _readable(message: str) -> str:
    if looks_like_html(message):
        return excerpt(message)
    return message.strip()[:_LONGEST_MESSAGE]


def _message(source: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    """The message, and what OpenRouter passes on from the provider behind it."""
    said = (_said(source), text(metadata.get("raw")))
    return ": ".join(_readable(words) for words in said if words)


def _said(source: Mapping[str, Any]) -> str:
    for name in ("message", "detail", "error_description", "title"):
        value = source.get(name)
        if isinstance(value, str):
            return value
        if isinstance(value, list):  # FastAPI's 422: a list of {loc, msg, type}
            return "; ".join(_validation_messages(value))
        if isinstance(value, dict) and value:  # Mistral puts that list into message
            return _said(value)
    return ""


def _validation_messages(items: list[Any]) -> Iterator[str]:
    for item in map(mapping, items):
        loc = item.get("loc")
        steps = loc if isinstance(loc, list) else [loc]
        where = ".".join(str(step) for step in steps if isinstance(step, str | int))
        yield f"{where}: {text(item.get('msg')) or 'invalid'}"
