"""The adapters that the contract holds for, and how each meets its emulator."""

from __future__ import annotations

from attrs import frozen

KEY = "test-key-3f9a"


@frozen
class Party:
    """One adapter under the contract.

    Args:
        name: of its provider.
        adapter: class name without Async.
        api: the API to speak, where it has several.
        model: asked for where the test does not say.
        reasons: a model that shows its reasoning, None when none does.
        demands: a model that can be made to call a tool; Ollama ignores the demand,
            which no client can see.
        keeps: what of an answer travels back unchanged, as found in the next body.
    """

    name: str
    adapter: str
    api: str | None = None
    model: str | None = None
    reasons: str | None = None
    demands: str | None = None
    keeps: str | None = None

    def options(self, emulator):
        """Arguments for the adapter."""
        base_url = emulator.base_url(self.name)
        options = {"api_key": KEY, "base_url": base_url, "model": self.model}
        return options if self.api is None else {**options, "api": self.api}

    def __str__(self):
        return f"{self.name}-{self.api}" if self.api else self.name


PARTIES = (
    Party(
        "groq",
        "GroqAdapter",
        reasons="openai/gpt-oss-20b",
        demands="openai/gpt-oss-20b",
    ),
    Party(
        "openai",
        "OpenAIAdapter",
        api="chat",
        model="gpt-6-luna",
        demands="gpt-6-luna",
    ),
    Party(
        "openai",
        "OpenAIAdapter",
        api="responses",
        reasons="gpt-6.1-sol",
        demands="gpt-6.1-sol",
        keeps="encrypted_content",
    ),
    Party(
        "anthropic",
        "AnthropicAdapter",
        reasons="claude-sonnet-5-5",
        demands="claude-sonnet-5",
        keeps="signature",
    ),
    Party("local", "LocalLLMAdapter", model="llama3.2:3b", reasons="qwen3:8b"),
)
