"""A provider for every test, and services that talk to it."""

from __future__ import annotations

from functools import partial

import pytest

from llm_adapter import AsyncGroqAdapter, _call
from llm_adapter._policy import RetryPolicy
from llm_adapter.testing.emulator import Emulator
from tests.concurrency import async_adapter_class
from tests.providers import PARTIES

KEY = "test-key-3f9a"


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch):
    """Our own back-off takes milliseconds; what a provider asks for is not changed."""
    monkeypatch.setattr(_call, "RetryPolicy", partial(RetryPolicy, base=0.01))


@pytest.fixture
def emulator():
    with Emulator() as running:
        yield running


@pytest.fixture
async def connect(emulator):
    """Makes services that talk to the emulator; the end of the test closes them."""
    opened = []

    def connect(**options):
        base_url = emulator.base_url("groq")
        service = AsyncGroqAdapter(**{"api_key": KEY, "base_url": base_url, **options})
        opened.append(service)
        return service

    yield connect
    for service in opened:
        await service.close()


@pytest.fixture
async def llm(connect):
    return connect()


@pytest.fixture(params=PARTIES, ids=str)
def party(request):
    return request.param


@pytest.fixture
async def meet(emulator):
    """Makes services of a party; the end of the test closes them."""
    opened = []

    def meet(party, **options):
        adapter = async_adapter_class(party.adapter)
        service = adapter(**{**party.options(emulator), **options})
        opened.append(service)
        return service

    yield meet
    for service in opened:
        await service.close()
