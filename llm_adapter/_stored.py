"""Answers as the bytes that a cache keeps, and back: JSON, read strictly."""

from __future__ import annotations

from decimal import Decimal
from types import GenericAlias
from typing import Any, TypeVar, get_type_hints

import msgspec
from attrs import AttrsInstance, fields
from msgspec.structs import asdict

from ._replace import replace
from .models import EmbeddingResponse, LLMResponse, ToolCall, Usage

Response = TypeVar("Response", bound=LLMResponse | EmbeddingResponse)

VERSION = 1
OF_THE_CALL = frozenset(("generation_time", "cached", "attempts", "history"))
"""Fields that tell of the call and not of its answer: they are not kept."""


class NotStored(ValueError):
    """The bytes are none that this version has stored."""


def storable(response: LLMResponse) -> bool:
    """Whether it is a whole answer of which use can be made again.

    >>> storable(LLMResponse("Hi")), storable(LLMResponse("Hi", finish_reason="length"))
    (True, False)
    """
    return (
        response.finish_reason in ("stop", "tool_calls")
        and not response.refusal
        and not any(call.invalid for call in response.tool_calls)
        and bool(response.text or response.tool_calls)
    )


def as_hit(response: Response, seconds: float) -> Response:
    """The response as a caller gets it from a cache, which took so many seconds."""
    return replace(
        response,
        cached=True,
        cost=Decimal(0),
        attempts=0,
        history=(),
        generation_time=seconds,
    )


# -- the forms ------------------------------------------------------------------------


def _names(kind: type[AttrsInstance]) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind) if f.name not in OF_THE_CALL)


def _form(kind: type[AttrsInstance], **instead: Any) -> Any:
    """A struct of the fields that are kept, each of which has to be there.

    msgspec reads our own classes as well, but with fields too many or too few.
    """
    hints = get_type_hints(kind) | instead
    return _struct(kind.__name__, {name: hints[name] for name in _names(kind)})


def _struct(name: str, hints: dict[str, Any]) -> Any:
    return msgspec.defstruct(name, list(hints.items()), forbid_unknown_fields=True)


def _decoder(form: Any) -> msgspec.json.Decoder[Any]:
    envelope = _struct("Envelope", {"kind": str, "version": int, "value": form})
    return msgspec.json.Decoder(envelope)


# msgspec would take a number as well for a Decimal.
_shared = {"usage": _form(Usage), "cost": str | None}
_calls = GenericAlias(tuple, (_form(ToolCall), ...))
_responses = _decoder(_form(LLMResponse, tool_calls=_calls, **_shared))
_embeddings = _decoder(_form(EmbeddingResponse, **_shared))
_KEPT: dict[type, tuple[str, ...]] = {
    kind: _names(kind) for kind in (LLMResponse, EmbeddingResponse)
}


# -- bytes ----------------------------------------------------------------------------


def decode_response(data: bytes) -> LLMResponse:
    """The answer that `encode_response` was given, without what was of its call.

    Raises:
        NotStored: it has never made these bytes.
    """
    said = _said(data, _responses, LLMResponse)
    calls = tuple(ToolCall(**asdict(call)) for call in said.pop("tool_calls"))
    return LLMResponse(tool_calls=calls, **said)


def decode_embeddings(data: bytes) -> EmbeddingResponse:
    """The vectors that `encode_embeddings` was given, without what was of its call.

    Raises:
        NotStored: it has never made these bytes.
    """
    return EmbeddingResponse(**_said(data, _embeddings, EmbeddingResponse))


def _said(data: bytes, decoder: Any, kind: type) -> dict[str, Any]:
    """The fields of the value in an envelope of that kind."""
    try:
        envelope = decoder.decode(data)
        if (envelope.kind, envelope.version) != (kind.__name__, VERSION):
            raise ValueError("it is of another kind or version")
        said = asdict(envelope.value)
        said["usage"] = Usage(**asdict(said["usage"]))
        said["cost"] = _cost(said["cost"])
    except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
        raise NotStored(f"no {kind.__name__}, version {VERSION}: {error}") from None
    return said


def _cost(written: str | None) -> Decimal | None:
    if written is None:
        return None
    cost = Decimal(written)
    if not cost.is_finite() or str(cost) != written:
        raise ValueError("its cost is no number, or not as it would be written")
    return cost


def encode_response(response: LLMResponse) -> bytes:
    """The bytes to keep. A raw body that JSON cannot give back is left out.

    Raises:
        ValueError: the answer itself is one that JSON cannot give back.
    """
    try:
        return _checked(response, response.raw)
    except ValueError:
        return _checked(response, None)


def encode_embeddings(response: EmbeddingResponse) -> bytes:
    """The bytes to keep.

    Raises:
        ValueError: it holds what is no number, or text that is no Unicode.
    """
    try:
        data = _encoded(response, EmbeddingResponse)
        # Unlike in an answer, nothing in it may be of any type: what is read is the
        # same. msgspec has written null for a NaN, which is not.
        decode_embeddings(data)
    except (ValueError, TypeError, RecursionError) as error:
        raise _cannot_be_kept(error) from None
    return data


def _checked(response: LLMResponse, raw: Any) -> bytes:
    """The bytes of a response with that body, from which it can be read as it is.

    JSON has no NaN, no tuples, no bytes: msgspec writes something else in their place.
    """
    try:
        answer = _answer(response, raw)
        data = _encoded(answer, LLMResponse)
        read = decode_response(data)
        same = read == answer and read.raw == raw
    except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
        raise _cannot_be_kept(error) from None
    if not same:
        raise _cannot_be_kept("it holds values that JSON does not know")
    return data


def _answer(response: LLMResponse, raw: Any) -> LLMResponse:
    """The response with that body and without what was of its call."""
    return replace(
        response,
        raw=raw,
        # Adapters of others may give lists, which nothing else minds.
        tool_calls=tuple(response.tool_calls),
        warnings=tuple(response.warnings),
        provider_items=tuple(response.provider_items),
        generation_time=0.0,
        cached=False,
        attempts=1,
        history=(),
    )


def _encoded(value: LLMResponse | EmbeddingResponse, kind: type) -> bytes:
    kept = {name: getattr(value, name) for name in _KEPT[kind]}
    return _encoder.encode({"kind": kind.__name__, "version": VERSION, "value": kept})


def _plain(value: Any) -> str:
    """What msgspec refuses although it is text, such as a ModelName."""
    if isinstance(value, str):
        return str.__str__(value)
    raise TypeError(f"it holds a value of {type(value)!r}")


_encoder = msgspec.json.Encoder(enc_hook=_plain)


def _cannot_be_kept(reason: object) -> ValueError:
    return ValueError(f"the response cannot be kept as JSON: {reason}")
