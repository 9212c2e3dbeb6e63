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
    from ._async.service import AsyncLLMService
    from ._async.stream import AsyncResponseStream
    from ._caching import CacheStats
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
    from ._sync.service import LLMService
    from ._sync.stream import ResponseStream
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
    "AsyncOpenAIAdapter",
    "AsyncOpenAICompatibleAdapter",
    "AsyncRedisCache",
    "AsyncResponseStream",
    "AsyncSQLiteCache",
    "Attempt",
    "Audio",
    "CacheStats",
    "CacheStore",
    "CachingLLMService",
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
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "Usage",
    "__version__",
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
    "ResponseStream": "stream",
}


_SHARED = {
    "CacheStats": "_caching",
    "CacheStore": "caches",
    "MemoryCache": "caches",
    "RedisCache": "caches",
    "SQLiteCache": "caches",
    "ModelConfig": "selector",
    "ModelSelector": "selector",
    "Settings": "settings",
}
"""Classes that serve both forms; a store also bears the name Async + name."""


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
