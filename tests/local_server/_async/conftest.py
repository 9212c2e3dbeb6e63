"""Adapters that talk to the real server; the end of a test closes them."""

from __future__ import annotations

import pytest

from llm_adapter import AsyncLocalLLMAdapter


@pytest.fixture
async def connect():
    """Makes adapters for a server."""
    opened = []

    def connect(server, **options):
        service = AsyncLocalLLMAdapter(base_url=server.base_url, **options)
        opened.append(service)
        return service

    yield connect
    for service in opened:
        await service.close()


@pytest.fixture(params=["chat", "responses"])
async def llm(connect, server, request):
    """For what both protocols of the server can."""
    return connect(server, api=request.param)


@pytest.fixture
async def chat(connect, server):
    return connect(server)
