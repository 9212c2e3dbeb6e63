"""The mock service, in both forms, for the unit tests of programs."""

from __future__ import annotations

from .._async.mock import AsyncMockLLMService
from .._sync.mock import MockLLMService

__all__ = ["AsyncMockLLMService", "MockLLMService"]
