"""One library through which Python programs use any LLM provider.

>>> from llm_adapter import LLMFactory
>>> with LLMFactory.create("mock") as llm:
...     llm.generate("Say hello").text
'Mock LLM response'

Every name is imported when it is first used (PEP 562), so that importing the package
costs nothing that a program does not need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._async.adapters import (
        AsyncAnthropicAdapter,
        AsyncGroqAdapter,
        AsyncLocalLLMAdapter,
        AsyncOpenAIAdapter,
        AsyncOpenAICompatibleAdapter,
    )
    from ._async.caching import AsyncCachingLLMService
    from ._async.factory import AsyncLLMFactory
    from ._async.mock import AsyncMockLLMService
    from ._async.monitoring import AsyncMonitoringLLMService
    from ._async.service import AsyncLLMService
    from ._async.stream import AsyncResponseStream
    from ._async.tracker import AsyncTokenTracker
    from ._async.tracking import AsyncTrackingLLMService
    from ._caching import CacheStats
    from ._context import usage_context
    from ._histogram import Distribution
    from ._monitoring import CallStats, MonitoringSnapshot
    from ._sync.adapters import (
        AnthropicAdapter,
        GroqAdapter,
        LocalLLMAdapter,
        OpenAIAdapter,
        OpenAICompatibleAdapter,
    )
    from ._sync.caching import CachingLLMService
    from ._sync.factory import LLMFactory
    from ._sync.mock import MockLLMService
    from ._sync.monitoring import MonitoringLLMService
    from ._sync.service import LLMService
    from ._sync.stream import ResponseStream
    from ._sync.tracker import TokenTracker
    from ._sync.tracking import TrackingLLMService
    from .caches import CacheStore, MemoryCache, RedisCache, SQLiteCache
    from .caches import MemoryCache as AsyncMemoryCache
    from .caches import RedisCache as AsyncRedisCache
    from .caches import SQLiteCache as AsyncSQLiteCache
    from .errors import (
        LLMAPIError,
        LLMAuthenticationError,
        LLMBadRequestError,
        LLMBudgetExceededError,
        LLMConfigurationError,
        LLMConnectionError,
        LLMContentPolicyError,
        LLMContextLengthError,
        LLMInvalidResponseError,
        LLMModelNotFoundError,
        LLMOverloadedError,
        LLMPermissionError,
        LLMQuotaExceededError,
        LLMRateLimitError,
        LLMServerError,
        LLMServiceError,
        LLMStreamInterruptedError,
        LLMTimeoutError,
        LLMUnsupportedFeatureError,
    )
    from .ledger import Budget
    from .models import (
        Attempt,
        Audio,
        Document,
        EmbeddingResponse,
        FinishReason,
        Image,
        LLMRequest,
        LLMResponse,
        Message,
        ModelName,
        Part,
        ReasoningDelta,
        StreamEnd,
        StreamEvent,
        Text,
        TextDelta,
        Timeout,
        Tool,
        ToolCall,
        ToolCallDelta,
        Usage,
    )
    from .selector import ModelConfig, ModelSelector
    from .settings import Settings

__all__ = [
    "AnthropicAdapter",
    "AsyncAnthropicAdapter",
    "AsyncCachingLLMService",
    "AsyncGroqAdapter",
    "AsyncLLMFactory",
    "AsyncLLMService",
    "AsyncLocalLLMAdapter",
    "AsyncMemoryCache",
    "AsyncMockLLMService",
    "AsyncMonitoringLLMService",
    "AsyncOpenAIAdapter",
    "AsyncOpenAICompatibleAdapter",
    "AsyncRedisCache",
    "AsyncResponseStream",
    "AsyncSQLiteCache",
    "AsyncTokenTracker",
    "AsyncTrackingLLMService",
    "Attempt",
    "Audio",
    "Budget",
    "CacheStats",
    "CacheStore",
    "CachingLLMService",
    "CallStats",
    "Distribution",
    "Document",
    "EmbeddingResponse",
    "FinishReason",
    "GroqAdapter",
    "Image",
    "LLMAPIError",
    "LLMAuthenticationError",
    "LLMBadRequestError",
    "LLMBudgetExceededError",
    "LLMConfigurationError",
    "LLMConnectionError",
    "LLMContentPolicyError",
    "LLMContextLengthError",
    "LLMFactory",
    "LLMInvalidResponseError",
    "LLMModelNotFoundError",
    "LLMOverloadedError",
    "LLMPermissionError",
    "LLMQuotaExceededError",
    "LLMRateLimitError",
    "LLMRequest",
    "LLMResponse",
    "LLMServerError",
    "LLMService",
    "LLMServiceError",
    "LLMStreamInterruptedError",
    "LLMTimeoutError",
    "LLMUnsupportedFeatureError",
    "LocalLLMAdapter",
    "MemoryCache",
    "Message",
    "MockLLMService",
    "ModelConfig",
    "ModelName",
    "ModelSelector",
    "MonitoringLLMService",
    "MonitoringSnapshot",
    "OpenAIAdapter",
    "OpenAICompatibleAdapter",
    "Part",
    "ReasoningDelta",
    "RedisCache",
    "ResponseStream",
    "SQLiteCache",
    "Settings",
    "StreamEnd",
    "StreamEvent",
    "Text",
    "TextDelta",
    "Timeout",
    "TokenTracker",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "TrackingLLMService",
    "Usage",
    "__version__",
    "usage_context",
]

__version__ = "0.1.0"

_SHELLS = {
    "AnthropicAdapter": "adapters",
    "GroqAdapter": "adapters",
    "LocalLLMAdapter": "adapters",
    "OpenAIAdapter": "adapters",
    "OpenAICompatibleAdapter": "adapters",
    "CachingLLMService": "caching",
    "LLMFactory": "factory",
    "LLMService": "service",
    "MockLLMService": "mock",
    "MonitoringLLMService": "monitoring",
    "ResponseStream": "stream",
    "TokenTracker": "tracker",
    "TrackingLLMService": "tracking",
}


_SHARED = {
    "Budget": "ledger",
    "CacheStats": "_caching",
    "CacheStore": "caches",
    "CallStats": "_monitoring",
    "Distribution": "_histogram",
    "MemoryCache": "caches",
    "RedisCache": "caches",
    "SQLiteCache": "caches",
    "ModelConfig": "selector",
    "ModelSelector": "selector",
    "MonitoringSnapshot": "_monitoring",
    "Settings": "settings",
    "usage_context": "_context",
}
"""What serves both forms; a store also bears the name Async + name."""


def _home(name: str) -> str:
    plain = name.removeprefix("Async")
    shell = _SHELLS.get(plain)
    if shell is not None:
        return f"._sync.{shell}" if name == plain else f"._async.{shell}"
    if name.endswith("Error"):
        return ".errors"
    return f".{_SHARED.get(plain, 'models')}"


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(_home(name), __name__)
    plain = name.removeprefix("Async")
    value = getattr(home, plain if plain in _SHARED else name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
