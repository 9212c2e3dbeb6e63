"""Names of providers: what may be registered, and what a name means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract, isclass
from types import ModuleType
from typing import Any

from .errors import LLMConfigurationError

GROUP = "llm_adapter.adapters"


def split_name(provider: object) -> tuple[str, str | None]:
    """Provider and model of a name such as groq:openai/gpt-oss-20b.

    >>> split_name("groq:openai/gpt-oss-20b")
    ('groq', 'openai/gpt-oss-20b')

    Raises:
        TypeError: it is not a string.
        LLMConfigurationError: there is nothing before or after the colon.
    """
    if not isinstance(provider, str):
        raise TypeError(f"provider must be a string, not {type(provider).__name__}")
    name, colon, model = map(str.strip, provider.partition(":"))
    if not name or (colon and not model):
        raise LLMConfigurationError(
            f"The provider is {provider!r}: write a name such as 'groq', or a name and "
            "a model such as 'groq:openai/gpt-oss-20b'."
        )
    return name.lower(), model or None


def check_registration(name: object, adapter_class: object, port: type) -> str:
    """The name under which an adapter class is kept.

    Raises:
        TypeError: name or class is of the wrong kind.
        ValueError: the name is empty or holds a colon.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, not {type(name).__name__}")
    if not name.strip() or ":" in name:
        raise ValueError(f"the name is {name!r}: use a word without a colon")
    if not isclass(adapter_class) or not issubclass(adapter_class, port):
        raise TypeError(
            f"{adapter_class!r} is not a subclass of {port.__name__}: the sync and the "
            "async factory each take adapters of their own form"
        )
    return name.strip().lower()


def installed_adapter(name: str, port: type) -> Any:
    """The adapter class that an installed package offers under a name, or None.

    An entry point refers to a class or to a module; in a module, the class whose form
    fits counts. So one name can serve both forms.

    Raises:
        LLMConfigurationError: it cannot be imported, or has no class of this form.
    """
    points = [p for p in entry_points(group=GROUP) if p.name.lower() == name]
    for point in points:
        for candidate in _classes(_loaded(point)):
            if issubclass(candidate, port) and not isabstract(candidate):
                return candidate
    if points:
        raise LLMConfigurationError(
            f"The installed adapter {name!r} ({points[0].value}) has no subclass of "
            f"{port.__name__}: it may exist in the other form, sync or async, only.",
            provider=name,
        )
    return None


def _loaded(point: EntryPoint) -> object:
    try:
        return point.load()
    except Exception as error:  # of a module that is not ours
        raise LLMConfigurationError(
            f"The installed adapter {point.name!r} ({point.value}) cannot be loaded: "
            f"{type(error).__name__}: {error}",
            provider=point.name.lower(),
        ) from error


def _classes(loaded: object) -> Iterator[type]:
    if isclass(loaded):
        yield loaded
    elif isinstance(loaded, ModuleType):
        own = (value for value in vars(loaded).values() if isclass(value))
        yield from (kind for kind in own if kind.__module__ == loaded.__name__)


def installed_names() -> set[str]:
    """The names that installed packages offer."""
    return {point.name.lower() for point in entry_points(group=GROUP)}


def unknown_provider(name: str, known: Iterable[str]) -> LLMConfigurationError:
    """The error for a name that nobody registered."""
    names = ", ".join(sorted({*known, *installed_names()}))
    return LLMConfigurationError(
        f"Unknown LLM provider {name!r:.80}. Known are: {names}. Set LLM_PROVIDER to "
        "one of them, or register an adapter of your own.",
        provider=name,
    )
