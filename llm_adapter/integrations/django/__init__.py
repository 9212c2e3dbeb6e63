"""The front door for Django: an app with services, a ledger, and its administration.

`INSTALLED_APPS += ["llm_adapter.integrations.django"]`; the setting LLM_ADAPTER says
the rest. Every name is imported when it is first used (PEP 562), so that settings and
apps may import this before Django is ready.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._services import (
        close_llm_services,
        flush_llm_ledger,
        get_async_llm_service,
        get_llm_service,
    )
    from ._streaming import astream_response, stream_response
    from .middleware import LLMErrorMiddleware, UsageContextMiddleware

__all__ = [
    "LLMErrorMiddleware",
    "UsageContextMiddleware",
    "astream_response",
    "close_llm_services",
    "flush_llm_ledger",
    "get_async_llm_service",
    "get_llm_service",
    "stream_response",
]

_MODULES = {
    "LLMErrorMiddleware": "middleware",
    "UsageContextMiddleware": "middleware",
    "astream_response": "_streaming",
    "close_llm_services": "_services",
    "flush_llm_ledger": "_services",
    "get_async_llm_service": "_services",
    "get_llm_service": "_services",
    "stream_response": "_streaming",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
