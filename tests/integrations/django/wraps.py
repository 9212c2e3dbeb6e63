"""What a setting names by its dotted path."""

from __future__ import annotations

from llm_adapter import AsyncMockLLMService, LLMService, MockLLMService


def answering(service):
    kind = MockLLMService if isinstance(service, LLMService) else AsyncMockLLMService
    return kind(responses={"Hello": "wrapped"})
