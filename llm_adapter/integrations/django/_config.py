"""What the setting LLM_ADAPTER says, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from attrs import field, frozen

from ..._endpoint import endpoint
from ..._registry import installed_names, split_name, unknown_provider
from ...errors import LLMConfigurationError, LLMServiceError
from ...ledger import Budget
from ...providers import PROVIDERS
from ...settings import Settings
from .._http import Reply, with_overrides
from ._keys import KEYS

NAME = "LLM_ADAPTER"
APP = "llm_adapter.integrations.django"
DJANGO = "django"
"""The ledger in Django's own database, where others have a URL."""


@frozen
class Problem:
    """Something that a person has to put right.

    Args:
        code: of the check, such as E001; a warning begins with W.
        message: what is wrong.
        hint: what to do.
    """

    code: str
    message: str
    hint: str

    @property
    def is_fatal(self) -> bool:
        """Whether nothing can be done before it is put right."""
        return self.code.startswith("E")


@frozen(kw_only=True)
class Config:
    """The setting, with the environment where it says nothing.

    Args:
        settings: of the environment.
        options: for the factory, as far as they are given.
        provider: None means that of the environment.
        cache: URL, None for no cache.
        cache_ttl: seconds, None for the usual ones.
        ledger: DJANGO, a URL, or None for no ledger.
        database: alias of Django's database for the ledger.
        immediate: whether records are written at once; None where Django's tests run.
        journal: directory for what is not in the ledger yet; None for the usual one.
        budgets: that calls are kept to.
        monitoring: whether services are monitored.
        workflows: models and settings, by name.
        wrap: makes of a service what is used in its place.
    """

    settings: Settings
    options: Mapping[str, Any] = field(repr=False)
    provider: str | None = None
    cache: str | None = field(default=None, repr=False)
    cache_ttl: float | None = None
    ledger: str | None = field(default=None, repr=False)
    database: str = "default"
    immediate: bool | None = None
    journal: str | None = None
    budgets: Sequence[Budget] = ()
    monitoring: bool = False
    workflows: Mapping[str, Any] = field(factory=dict)
    wrap: Callable[[Any], Any] | None = None


def load() -> Config:
    """The configuration.

    Raises:
        ImproperlyConfigured: something is wrong with it; says all that is.
    """
    from django.core.exceptions import ImproperlyConfigured

    fatal = [each for each in problems() if each.is_fatal]
    if fatal:
        raise ImproperlyConfigured(
            "\n".join(f"{each.message} {each.hint}" for each in fatal)
        )
    return _config(_given())


def database() -> str:
    """Alias of Django's database for the ledger."""
    alias: str = _given().get("LEDGER_DATABASE", "default")
    return alias


def replies() -> Mapping[type[LLMServiceError], Reply]:
    """What clients are told of errors."""
    return with_overrides(_given().get("ERRORS"))


def problems() -> list[Problem]:
    """Whatever can be told without asking anybody."""
    given = _setting()
    if not isinstance(given, Mapping):
        kind = type(given).__name__
        return [Problem("E001", f"{NAME} is a {kind}.", "Make it a dictionary.")]
    found = [*_of_keys(given), *_of_values(given)]
    return found or list(_of_the_whole())


def _setting() -> Any:
    from django.conf import settings

    return getattr(settings, NAME, {})


def _given() -> dict[str, Any]:
    """What is said; a key of the environment may be missing there, too."""
    return {
        name: value for name, value in _setting().items() if value not in (None, "")
    }


def _of_keys(given: Mapping[Any, Any]) -> Iterator[Problem]:
    for name in given:
        if name not in KEYS:
            close = get_close_matches(str(name).upper(), KEYS, n=1)
            meant = f"Did you mean {close[0]!r}? " if close else ""
            hint = f"{meant}There are {', '.join(KEYS)}."
            yield Problem("E002", f"{NAME} has the unknown key {name!r:.80}.", hint)


def _of_values(given: Mapping[Any, Any]) -> Iterator[Problem]:
    for name, key in KEYS.items():
        value = given.get(name)
        if value is not None and not key.accepts(value):
            kind = f"a {type(value).__name__}"
            shown = kind if key.is_secret else f"{value!r:.80}"
            message = f"{NAME}[{name!r}] is {shown}."
            yield Problem("E003", message, f"Set it to {key.allowed}.")


def _of_the_whole() -> Iterator[Problem]:
    hint = f"Change {NAME} or the environment."
    try:
        config = _config(_given())
    except ImportError as error:
        yield Problem("E004", f"{NAME}['WRAP'] cannot be imported: {error}.", hint)
        return
    except LLMConfigurationError as error:
        yield Problem("E005", str(error), hint)
        return
    for check in (_check_provider, _check_cache, _check_ledger):
        try:
            check(config)
        except LLMConfigurationError as error:
            yield Problem("E005", str(error), hint)
    yield from _of_the_key(config)
    yield from _of_budgets(config)
    yield from _of_the_app(config)


def _config(given: Mapping[str, Any]) -> Config:
    settings = Settings.from_env()
    names = {"api_key", "base_url", "model", "timeout", "max_retries"}
    options = {name: given[name.upper()] for name in names if name.upper() in given}
    others = {"cache_ttl", "budgets", "monitoring", "workflows"}
    journal = given.get("JOURNAL")
    return Config(
        settings=settings,
        options=options,
        provider=given.get("PROVIDER"),
        cache=_store(given, "CACHE", settings.cache_url),
        ledger=_store(given, "LEDGER", settings.ledger_url),
        database=database(),
        immediate=given.get("LEDGER_IMMEDIATE"),
        journal=None if journal is None else str(journal),
        wrap=_callable(given.get("WRAP")),
        **{name: given[name.upper()] for name in others if name.upper() in given},
    )


def _store(given: Mapping[str, Any], name: str, otherwise: str | None) -> str | None:
    """A URL; one that is said to be None is none, whatever the environment says."""
    return given.get(name) if name in _setting() else otherwise


def _callable(named: Any) -> Any:
    from django.utils.module_loading import import_string

    return import_string(named) if isinstance(named, str) else named


# -- what belongs together ------------------------------------------------------------


def chosen(config: Config) -> str:
    """The provider's name, of which somebody may know an adapter."""
    return split_name(config.provider or config.settings.provider)[0]


def _check_provider(config: Config) -> None:
    from llm_adapter import AsyncLLMFactory, LLMFactory

    name = chosen(config)
    own = {*LLMFactory._registered, *AsyncLLMFactory._registered}
    if name not in {"mock", *PROVIDERS, *own, *installed_names()}:
        raise unknown_provider(name, {"mock", *PROVIDERS, *own})
    if name in PROVIDERS and name not in own and not _lacks_key(config):
        endpoint(
            PROVIDERS[name],
            config.settings,
            api_key=config.options.get("api_key"),
            base_url=config.options.get("base_url"),
        )


def _lacks_key(config: Config) -> bool:
    provider = PROVIDERS.get(chosen(config))
    if provider is None or not provider.key_required:
        return False
    token = provider.token_variable
    known = (
        config.options.get("api_key"),
        config.settings.variable(provider.key_variable),
        config.settings.variable(token) if token else None,
    )
    return not any(known)


def _check_cache(config: Config) -> None:
    from ...caches import cache_from_url

    if config.cache is not None:
        cache_from_url(config.cache).close()


def _check_ledger(config: Config) -> None:
    from ...ledger._database import Database

    if config.ledger not in (None, DJANGO):
        Database(str(config.ledger)).close()


def _of_the_key(config: Config) -> Iterator[Problem]:
    """Only a warning: images are built and tests run without keys."""
    try:
        lacks = _lacks_key(config)
    except LLMConfigurationError:  # told already
        return
    if lacks:
        name = chosen(config)
        variable = PROVIDERS[name].key_variable
        message = f"There is no API key for {name}: every call will fail."
        hint = f"Set the environment variable {variable}, or {NAME}['API_KEY']."
        yield Problem("W001", message, hint)


def _of_budgets(config: Config) -> Iterator[Problem]:
    if config.budgets and config.ledger in (None, DJANGO):
        message = f"{NAME}['BUDGETS'] needs a ledger with reservations."
        hint = f"Set {NAME}['LEDGER'] to a URL, or leave out the budgets."
        yield Problem("E006", message, hint)


def _of_the_app(config: Config) -> Iterator[Problem]:
    from django.apps import apps

    if config.ledger == DJANGO and not apps.is_installed(APP):
        message = f"The ledger is {DJANGO!r}, and its app is not installed."
        hint = f"Add {APP!r} to INSTALLED_APPS, and run `manage.py migrate`."
        yield Problem("E007", message, hint)
