"""What a caller may say of embeddings, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from attrs import field, frozen

from . import _checks
from .models import CacheUse, Timeout, check_timeout


class EmbedOptions(TypedDict, total=False):
    """What `embed` takes beside texts: see LLMService.embed."""

    model: str | None
    dimensions: int | None
    timeout: float | Timeout | None
    extra_body: Mapping[str, Any] | None
    cache: CacheUse | None
    cache_ttl: float | None


def _extra_body(value: Mapping[str, Any] | None) -> dict[str, Any]:
    return _checks.as_mapping("extra_body", {} if value is None else value)


@frozen(kw_only=True)
class EmbeddingOptions:
    """What may be said of an embedding beside its texts."""

    model: str | None = field(default=None, validator=_checks.model_name)
    dimensions: int | None = field(default=None, validator=_checks.positive_integer)
    timeout: float | Timeout | None = field(default=None, validator=check_timeout)
    extra_body: Mapping[str, Any] = field(default=None, converter=_extra_body)
    cache: CacheUse | None = field(default=None, validator=_checks.cache_use)
    cache_ttl: float | None = field(default=None, validator=_checks.seconds)


def as_texts(texts: Any) -> tuple[str, ...]:
    """The texts to embed: a sequence, or a single one that stands for itself.

    >>> as_texts("one"), as_texts(["one", "two"])
    (('one',), ('one', 'two'))

    Raises:
        TypeError: neither a string nor a sequence of strings.
        ValueError: there is none, or one of them is blank.
    """
    if isinstance(texts, str):
        texts = (texts,)
    if not isinstance(texts, Sequence) or isinstance(texts, bytes):
        kind = type(texts).__name__
        raise TypeError(f"texts must be a string or a sequence of strings, not {kind}")
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            kind = type(text).__name__
            raise TypeError(f"texts[{position}] must be a string, not {kind}")
        if not text.strip():
            raise ValueError(f"texts[{position}] is blank: there is nothing to embed")
    if not texts:
        raise ValueError("texts is empty: give at least one text to embed")
    return tuple(texts)
