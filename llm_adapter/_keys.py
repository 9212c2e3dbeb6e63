"""The key of a request: the same for all that would be asked the same.

What is asked is brought into one form and hashed. Nothing of it can be read from a key.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
from attrs import fields, has

from ._embedding import EmbeddingOptions
from ._identity import Identity
from ._schema import output_format
from ._secrets import is_secret
from .models import LLMRequest

VERSION = "1"
"""Of the form: another form needs another version, or it finds what was not meant."""

NO_PART = frozenset(("timeout", "metadata", "cache", "cache_ttl"))
"""Fields that change no answer; all others are part of the key, new ones as well."""

_FREE = frozenset((type(None), bool, int, float, dict))
_BASES: tuple[type[Any], ...] = (int, float, list, tuple, dict)

_names: dict[type, tuple[str, ...]] = {}
_formats: WeakKeyDictionary[type, list[Any]] = WeakKeyDictionary()
_encoder = msgspec.json.Encoder(order="deterministic")


def request_key(identity: Identity) -> str:
    """The key of an answer.

    >>> asked = LLMRequest("Hi", temperature=0, extra_body={"a": 1, "b": 2})
    >>> again = LLMRequest("Hi", temperature=0.0, extra_body={"b": 2.0, "a": 1.0})
    >>> key = request_key(Identity(provider="groq", request=asked))
    >>> key == request_key(Identity(provider="groq", request=again)), key[:2], len(key)
    (True, '1:', 66)

    Raises:
        ValueError: the request holds what has no one form, or cannot be sent at all.
    """
    if identity.request is None:
        raise ValueError("the identity names no request: nothing can have its key")
    return _key("generate", identity, identity.model, identity.request)


def embedding_key(
    identity: Identity, texts: tuple[str, ...], options: EmbeddingOptions
) -> str:
    """The key of the vectors of some texts, in their order.

    Raises:
        ValueError: as for request_key.
    """
    model = identity.model or options.model
    return _key("embed", identity, model, texts, options)


def _key(kind: str, identity: Identity, *asked: Any) -> str:
    who = (kind, identity.provider, identity.base_url, identity.api)
    try:
        form = _encoder.encode([_form(each) for each in (*who, *asked)])
    except (TypeError, RecursionError, UnicodeEncodeError) as error:
        raise ValueError(f"the request has no key: {error}") from None
    return f"{VERSION}:{sha256(form).hexdigest()}"


# -- our own values -------------------------------------------------------------------


def _form(value: Any) -> Any:
    """A value of ours, or a field of one, as JSON that no other value has there."""
    kind = type(value)
    if kind is str:
        return value
    if kind is tuple:
        return [_form(each) for each in value]
    if kind in _FREE:
        return _free(value)
    if kind is bytes:
        return {"sha256": sha256(value).hexdigest()}
    if isinstance(value, type):
        return _type(value)
    if not has(kind):
        return _free(value)
    if isinstance(value, LLMRequest):
        return _said(value) | _headers(value.extra_headers)
    if isinstance(value, EmbeddingOptions):
        return _said(value)
    # The kind counts, for an image is no document; no field has an empty name.
    return {"": kind.__name__, **_said(value)}


def _said(value: Any) -> dict[str, Any]:
    """The fields that say anything."""
    kind = type(value)
    names = _names.get(kind)
    if names is None:
        names = _names[kind] = _names_of(kind)
    said = {}
    for name in names:
        content = getattr(value, name)
        if content is not None:
            said[name] = content if type(content) is str else _form(content)
    return said


def _names_of(kind: type) -> tuple[str, ...]:
    """The fields that count."""
    apart: frozenset[str] = frozenset()
    if issubclass(kind, LLMRequest):
        apart = NO_PART | {"extra_headers"}
    elif issubclass(kind, EmbeddingOptions):
        apart = NO_PART | {"model"}
    return tuple(field.name for field in fields(kind) if field.name not in apart)


def _headers(headers: Mapping[str, str]) -> dict[str, Any]:
    """The headers by name, which has no case; a key says who asks, not what."""
    kept = [
        (name.lower(), content)
        for name, content in headers.items()
        if not is_secret(name)
    ]
    # Of two that differ in case only, the order is sent: it stays.
    kept.sort(key=lambda header: header[0])
    return {"extra_headers": _form(tuple(kept))} if kept else {}


def _type(kind: type) -> list[Any]:
    """What the type would be sent as, which takes long to make."""
    form = _formats.get(kind)
    if form is None:
        wanted = output_format(kind)
        assert wanted is not None
        form = _formats[kind] = [wanted.name, _free(wanted.schema)]
    return form


# -- the caller's JSON ----------------------------------------------------------------


def _free(value: Any) -> Any:
    """JSON in which equal numbers look the same."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is dict:
        return {
            name if type(name) is str else _name(name): _free(content)
            for name, content in value.items()
        }
    if kind is list or kind is tuple:
        return [_free(each) for each in value]
    if kind is float:
        return _number(value)
    return _free(_plain(value))


def _number(value: float) -> int | float:
    if value.is_integer():
        return int(value)
    if not math.isfinite(value):
        raise ValueError(f"the request has no key: it holds {value}")
    return value


def _plain(value: Any) -> Any:
    """A value of a class that only adds to one of JSON's, such as an enumeration."""
    if isinstance(value, str):
        return str.__str__(value)
    for base in _BASES:
        if isinstance(value, base):
            return base(value)
    raise TypeError(f"it holds a value of {type(value)!r}, which is no JSON")


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"it holds an object with the name {name!r}, which is no text")
    return str.__str__(name)
