"""Every failure is one family; each class says what a program can do about it."""

from __future__ import annotations

from llm_adapter import (
    AsyncLLMFactory,
    LLMAuthenticationError,
    LLMRateLimitError,
    LLMServiceError,
    LLMTimeoutError,
)


async def main() -> str:
    async with AsyncLLMFactory.create(timeout=10, max_retries=2) as llm:
        try:
            response = await llm.generate("Summarise: the sea is wide.")
        except LLMRateLimitError as error:
            return f"busy, come back in {error.retry_after} s"
        except LLMTimeoutError:
            return "too slow"
        except LLMAuthenticationError:
            return "the key is wrong"
        except LLMServiceError as error:
            return f"failed after {error.attempts} attempts: {error}"
        return response.text
