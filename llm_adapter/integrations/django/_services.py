"""One service of either form for each process, made when it is first needed."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from attrs import field, frozen
from django.core.exceptions import ImproperlyConfigured

import llm_adapter
from llm_adapter import AsyncLLMService, AsyncTokenTracker, LLMService, TokenTracker

from ..._concurrency import ForkSafeLock, async_loop, async_soon
from ...errors import LLMConfigurationError
from ...selector import ModelSelector
from ._config import DJANGO, NAME, Config, load

if TYPE_CHECKING:
    from ...ledger._ledger import Ledger

PATIENCE = 10.0
"""Seconds for what waits to be written."""


@frozen
class _Made:
    """A service that is shared, and how to close it after all."""

    service: Any
    close: Callable[[], Any]
    tracker: TokenTracker | AsyncTokenTracker | None
    selector: ModelSelector | None


@frozen
class _Process:
    """What this process has made."""

    services: dict[str, _Made] = field(factory=dict)
    ledgers: dict[str, Ledger] = field(factory=dict)

    def all_ledgers(self) -> list[Ledger]:
        """Each once: both forms may share one."""
        trackers = [made.tracker for made in list(self.services.values())]
        found = [each.ledger for each in trackers if each is not None]
        found += list(self.ledgers.values())
        return list({id(each): each for each in found}.values())

    def forget(self) -> None:
        """As new; in a forked process as well, whose parent keeps what it has."""
        self.services.clear()
        self.ledgers.clear()


_here = _Process()
_lock = ForkSafeLock(reentrant=True)


def get_llm_service(workflow: str | None = None) -> LLMService:
    """The service of this process, for sync views; threads share it.

    It is closed when the process ends: `with` blocks leave it open.

    Args:
        workflow: the service as that workflow uses it.

    Raises:
        ImproperlyConfigured: LLM_ADAPTER, or the environment, has to be put right.
        LLMConfigurationError: the workflow is not known.
    """
    made = _shared("")
    service: LLMService = made.service
    if workflow is None:
        return service
    return service.for_workflow(workflow, selector=made.selector)


def get_async_llm_service(workflow: str | None = None) -> AsyncLLMService:
    """The same for async views; nothing has to be awaited to get it."""
    made = _shared("Async")
    service: AsyncLLMService = made.service
    if workflow is None:
        return service
    return service.for_workflow(workflow, selector=made.selector)


def _shared(form: str) -> _Made:
    made = _here.services.get(form)
    if made is None:
        with _lock:
            made = _here.services.get(form)
            if made is None:
                made = _here.services[form] = _make(load(), form)
    return made


def _make(config: Config, form: str) -> _Made:
    def kind(name: str) -> Any:
        return getattr(llm_adapter, form + name)

    try:
        tracker = _tracker(config, form)
        service = kind("LLMFactory").create(config.provider, **config.options)
    except LLMConfigurationError as error:
        raise ImproperlyConfigured(str(error)) from error
    if config.cache is not None:
        known = {} if config.cache_ttl is None else {"ttl": config.cache_ttl}
        service = kind("CachingLLMService")(service, config.cache, **known)
    if tracker is not None:
        # Around the cache, so that hits are booked.
        service = kind("TrackingLLMService")(service, tracker)
    if config.monitoring:
        service = kind("MonitoringLLMService")(service)
    if config.wrap is not None:
        service = _wrapped(service, config.wrap, kind("LLMService"))
    close = service.close
    # Many share it, and examples say `with`.
    service.close = _stay_open_async if form else _stay_open
    # Without one, workflows follow a changed environment.
    selector = ModelSelector(config.workflows) if config.workflows else None
    return _Made(service, close, tracker, selector)


def _wrapped(service: Any, wrap: Callable[[Any], Any], port: type) -> Any:
    found = wrap(service)
    if not isinstance(found, port):
        raise ImproperlyConfigured(
            f"{NAME}['WRAP'] was given a {port.__name__} and returned "
            f"{found!r:.80}: return a {port.__name__} as well."
        )
    return found


def _stay_open() -> None:
    """What `close` of a shared service does."""


async def _stay_open_async() -> None:
    """The same in the other form."""


# -- the ledger -----------------------------------------------------------------------


def _tracker(config: Config, form: str) -> TokenTracker | AsyncTokenTracker | None:
    if config.ledger is None:
        return None
    if config.ledger == DJANGO:
        from ._ledger import AsyncDjangoTokenTracker, DjangoTokenTracker

        ledger = ledger_of(config)
        return AsyncDjangoTokenTracker(ledger) if form else DjangoTokenTracker(ledger)
    kind = AsyncTokenTracker if form else TokenTracker
    return kind(config.ledger, budgets=config.budgets, journal=config.journal)


def ledger_of(config: Config) -> Ledger:
    """The ledger in Django's database, which both forms share."""
    from ._ledger import ledger_for

    with _lock:
        ledger = _here.ledgers.get(config.database)
        if ledger is None:
            ledger = ledger_for(config.database, config.journal, config.immediate)
            _here.ledgers[config.database] = ledger
        return ledger


def flush_llm_ledger(seconds: float = PATIENCE) -> bool:
    """Whether all that was booked before is in the ledger, within that time; blocks.

    Args:
        seconds: to wait, for each ledger.
    """
    late = [each for each in _here.all_ledgers() if not each.flush(seconds)]
    return not late


# -- the end --------------------------------------------------------------------------


def close_llm_services() -> None:
    """Close what this process has made; whoever needs it next makes it anew."""
    services, ledgers = _taken()
    if "" in services:
        services[""].close()
    if "Async" in services:
        _close_async(services["Async"])
    for ledger in ledgers:
        ledger.close(PATIENCE)


def _taken() -> tuple[dict[str, _Made], list[Ledger]]:
    with _lock:
        taken = dict(_here.services), _here.all_ledgers()
        _here.forget()
    return taken


def _close_async(made: _Made) -> None:
    async def close() -> None:
        await made.close()

    try:
        owner = async_loop()
    except RuntimeError:  # no loop here
        async_to_sync(close)()
    else:
        async_soon(owner, close)


@atexit.register
def _close_at_exit() -> None:
    # There is no loop any more for the async form: the system closes its connections.
    services, ledgers = _taken()
    if "" in services:
        services[""].close()
    for ledger in ledgers:
        ledger.close(PATIENCE)


def forget_if_changed(*, setting: str, **others: Any) -> None:
    """A test has changed a setting."""
    if setting in (NAME, "DATABASES"):
        close_llm_services()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(after_in_child=_here.forget)
