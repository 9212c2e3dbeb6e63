"""`manage.py llm_check`: whether everything is there for calls to succeed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from llm_adapter import LLMFactory

from .....caches import cache_from_url
from .....errors import LLMServiceError
from .....providers import PROVIDERS
from .....settings import shown_url
from ..._config import DJANGO, Config, chosen, load, problems

MOST_MODELS = 3
"""Names of models that are shown."""


class Command(BaseCommand):
    """Tells one fact a line, and never a secret."""

    help = "Checks settings, key, ledger and cache, and asks for the provider's models."

    def add_arguments(self, parser: Any) -> None:
        """What not to do."""
        parser.add_argument(
            "--offline", action="store_true", help="Do not ask the provider."
        )

    def handle(self, **options: Any) -> None:
        """Tell.

        Raises:
            CommandError: something has to be put right.
        """
        self._failed = 0
        found = problems()
        for each in found:
            self._tell("settings", f"{each.message} {each.hint}", failed=True)
        if any(each.is_fatal for each in found):
            raise CommandError("Calls cannot be made.")
        config = load()
        if not found:
            self._tell("settings", "can be used")
        self._try("provider", lambda: _provider(config))
        self._try("key", lambda: _key(config))
        self._try("cache", lambda: _cache(config))
        self._try("ledger", lambda: _ledger(config))
        if not options["offline"] and not found:
            self._try("models", lambda: _models(config))
        if self._failed:
            raise CommandError("Calls may fail.")

    def _try(self, name: str, ask: Callable[[], str]) -> None:
        try:
            self._tell(name, ask())
        except (LLMServiceError, DatabaseError) as error:
            self._tell(name, " ".join(str(error).split()), failed=True)

    def _tell(self, name: str, said: str, *, failed: bool = False) -> None:
        self._failed += failed
        style: Any = self.style
        shown = style.ERROR("FAILED") if failed else style.SUCCESS("ok    ")
        self.stdout.write(f"{shown} {name}: {said}")


def _provider(config: Config) -> str:
    named = config.provider or config.settings.provider
    model = config.options.get("model") or config.settings.model
    address = config.options.get("base_url")
    facts = [named, model and f"model {model}", address and f"at {shown_url(address)}"]
    return ", ".join(filter(None, facts))


def _key(config: Config) -> str:
    provider = PROVIDERS.get(chosen(config))
    if provider is None:
        return "left to the adapter"
    if config.options.get("api_key"):
        return "is in LLM_ADAPTER['API_KEY']"
    for variable in filter(None, (provider.key_variable, provider.token_variable)):
        if config.settings.variable(variable):
            return f"is in {variable}"
    return "is missing" if provider.key_required else "is not needed"


def _cache(config: Config) -> str:
    if config.cache is None:
        return "none"
    store = cache_from_url(config.cache)
    try:
        store.get("llm_check")
    except Exception as error:  # whatever a store raises
        raise LLMServiceError(f"{store!r} does not answer: {error}") from error
    finally:
        store.close()
    return repr(store)


def _ledger(config: Config) -> str:
    if config.ledger is None:
        return "none"
    if config.ledger == DJANGO:
        from ...models import LLMUsage

        count = LLMUsage.objects.using(config.database).count()
        return f"{count:,} rows in Django's database {config.database!r}"
    from .....ledger._database import Database

    database = Database(config.ledger)
    try:
        database.prepare()
    finally:
        database.close()
    return repr(database)


def _models(config: Config) -> str:
    with LLMFactory.create(config.provider, **config.options) as llm:
        names = llm.list_models()
    shown = ", ".join(names[:MOST_MODELS])
    more = ", ..." if len(names) > MOST_MODELS else ""
    return f"{len(names)}: {shown}{more}"
