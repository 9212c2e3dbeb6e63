"""Whether a provider can be used: its key, its address, and what it says to us."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from attrs import evolve, frozen

from .._call import client
from .._concurrency import monotonic, time
from .._endpoint import behind_proxy, endpoint
from .._other_calls import models_call
from .._registry import installed_adapter, split_name, unknown_provider
from .._sync.factory import MOCK, LLMFactory
from .._sync.service import LLMService
from .._wire.model_list import decode_models
from ..errors import LLMServiceError
from ..models import Usage
from ..pricing import PriceList, cost
from ..providers import PROVIDERS, Provider
from ..settings import Settings, shown_url
from ._at_once import Outcome, all_at_once

_THOUSAND = Usage(input_tokens=1_000, output_tokens=1_000)
_GRACE = 1.0
"""Seconds beside the timeout, for what does not keep to it, such as look-ups."""


@frozen(kw_only=True)
class Answer:
    """What a provider said when it was asked for its models.

    Args:
        latency: seconds that it took.
        models: how many it named.
        skew: seconds that its clock is ahead of ours; None where it names no time.
    """

    latency: float
    models: int
    skew: float | None = None


@frozen(kw_only=True)
class Report:
    """What is known of a provider.

    Args:
        provider: its name.
        chosen: whether it is that of LLM_PROVIDER.
        key: the variable of its key; None where there is none.
        key_from: environment or .env, None without a key.
        wants: the variable to set, None where no key is needed.
        base_url: where it is; None where nobody has said.
        proxied: whether the environment puts a proxy between.
        model: that is asked when nobody names one.
        price: of 1,000 tokens in and 1,000 out, in US dollars, None if not known.
        answer: what it said; None where it was not asked, or there is an error.
        error: what went wrong.
    """

    provider: str
    chosen: bool = False
    key: str | None = None
    key_from: str | None = None
    wants: str | None = None
    base_url: str | None = None
    proxied: bool = False
    model: str | None = None
    price: str | None = None
    answer: Answer | None = None
    error: LLMServiceError | None = None

    @property
    def status(self) -> str:
        """What people want to know first."""
        if self.answer is not None:
            return "works"
        if self.error is not None:
            return "failed"
        return "no key" if self.wants and not self.key else "not asked"

    @property
    def data(self) -> dict[str, Any]:
        """For programs."""
        answer, error = self.answer, self.error
        return {
            "provider": self.provider,
            "chosen": self.chosen,
            "status": self.status,
            "key": {"variable": self.key or self.wants, "from": self.key_from},
            "base_url": self.base_url,
            "proxied": self.proxied,
            "pool": "httpx" if self.proxied else "own",
            "model": self.model,
            "cost_of_1000_in_and_out": self.price,
            "latency": None if answer is None else round(answer.latency, 3),
            "models": None if answer is None else answer.models,
            "clock_skew": None if answer is None else answer.skew,
            "error": None
            if error is None
            else {"type": type(error).__name__, "message": str(error)},
        }


# -- without asking -------------------------------------------------------------------


def known(settings: Settings) -> dict[str, Report]:
    """The built-in providers and the chosen one, as far as nobody is asked.

    Raises:
        LLMConfigurationError: the name of the chosen one, or the file of prices, is
            unusable.
    """
    chosen, model = split_name(settings.provider)
    own = PriceList.read(settings.prices_file) if settings.prices_file else None
    reports = {
        name: _known(provider, settings, own) for name, provider in PROVIDERS.items()
    }
    report = reports.get(chosen) or _other(chosen)
    named = settings.model or model or report.model
    reports[chosen] = evolve(
        report, chosen=True, model=named, price=_price(chosen, named, own)
    )
    return reports


def _known(provider: Provider, settings: Settings, own: PriceList | None) -> Report:
    key = next((name for name in _variables(provider) if settings.variable(name)), None)
    report = Report(
        provider=provider.name,
        key=key,
        key_from=key and ("environment" if os.environ.get(key) else ".env"),
        wants=provider.key_variable if provider.key_required else None,
        model=provider.default_model,
        price=_price(provider.name, provider.default_model, own),
    )
    try:
        # The key is of no matter: nothing is sent.
        url = endpoint(provider, settings, api_key="none", base_url=None).base_url
    except LLMServiceError as error:
        return evolve(report, error=error if key else None)
    proxied = behind_proxy(url.partition(":")[0])
    shown = shown_url(url).strip("'")
    return evolve(report, base_url=shown, proxied=proxied)


def _other(name: str) -> Report:
    """What is known of a provider that is not built in."""
    registered = LLMFactory._registered
    if name == MOCK or name in registered:
        return Report(provider=name)
    try:
        if installed_adapter(name, LLMService) is None:
            raise unknown_provider(name, {MOCK, *PROVIDERS, *registered})
    except LLMServiceError as error:
        return Report(provider=name, error=error)
    return Report(provider=name)


def _variables(provider: Provider) -> tuple[str, ...]:
    token = provider.token_variable
    return (provider.key_variable, token) if token else (provider.key_variable,)


def _price(provider: str, model: str | None, own: PriceList | None) -> str | None:
    found = model and cost(_THOUSAND, provider, model, prices=own)
    return None if found is None or isinstance(found, str) else f"{found:f}"


# -- asking ---------------------------------------------------------------------------


def asked(
    reports: Mapping[str, Report], settings: Settings, seconds: float
) -> dict[str, Report]:
    """The same, after all that can be asked were asked for their models, at once.

    Args:
        reports: by the names of the providers.
        settings: with the keys.
        seconds: that each may take.
    """

    def call(name: str) -> Callable[[], Answer]:
        return lambda: _answer(name, settings, seconds)

    calls = {
        name: call(name)
        for name, report in reports.items()
        if report.status == "not asked"
    }
    outcomes = all_at_once(calls, seconds + _GRACE)
    return {
        name: _with(report, outcomes[name]) if name in outcomes else report
        for name, report in reports.items()
    }


def _with(report: Report, outcome: Outcome[Answer]) -> Report:
    error = outcome.error
    if error is not None and not isinstance(error, LLMServiceError):
        error = LLMServiceError(f"{type(error).__name__}: {error}")
    return evolve(report, answer=outcome.result, error=error)


def _answer(name: str, settings: Settings, seconds: float) -> Answer:
    """Ask a provider for its models.

    Raises:
        LLMServiceError: it cannot be asked, or says no.
    """
    if name in PROVIDERS:
        return _asked(PROVIDERS[name], settings, seconds)
    started = monotonic()
    with LLMFactory.create(name) as llm:
        names = llm.list_models()
    return Answer(latency=monotonic() - started, models=len(names))


def _asked(provider: Provider, settings: Settings, seconds: float) -> Answer:
    from .._sync.session import Session  # it brings httpx

    # As list_models(), of which one does not hear the time that the answer names.
    made = client(
        provider,
        settings,
        api_key=None,
        base_url=None,
        model=None,
        timeout=seconds,
        max_retries=0,
    )
    call = models_call(made)
    session = Session(made, None)
    started, now = monotonic(), time()
    try:
        answer = session.open(call, session.start(call).timer)
        date = answer.header(b"date")
        models = answer.decoded(decode_models).names
    except LLMServiceError as error:
        raise call.context(error) from None
    finally:
        session.close()
    latency = monotonic() - started
    return Answer(
        latency=latency, models=len(models), skew=skew(date, now + latency / 2)
    )


def skew(date: str | None, now: float) -> float | None:
    """Seconds that the clock of an HTTP date is ahead; None where there is none.

    It names whole seconds, so anything below one is none.

    >>> skew("Sun, 29 Nov 2026 12:00:00 GMT", 1795953600.9)
    0.0
    >>> skew("Sun, 29 Nov 2026 12:00:00 GMT", 1795953540.0), skew("noon", 0.0)
    (60.0, None)
    """
    try:
        found = parsedate_to_datetime(date or "").timestamp() - now
    except (ValueError, OverflowError):
        return None
    return 0.0 if -1 < found < 1 else round(found, 1)
