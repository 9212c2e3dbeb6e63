"""A program against a provider that fails twice and then answers."""

from __future__ import annotations

from llm_adapter import LLMFactory
from llm_adapter.testing.emulator import Emulator, Reply, faults


def main() -> int:
    with Emulator() as emulator:
        emulator.script(
            faults.rate_limited("0.1"), faults.server_error(), Reply(text="At last.")
        )
        url = emulator.base_url("groq")
        with LLMFactory.create("groq", api_key="any", base_url=url) as llm:
            response = llm.generate("Are you there?")
        assert response.text == "At last."
        assert emulator.counts.requests == 3
        return response.attempts
