"""Groq, as of 2026-11-22. Source: https://console.groq.com/docs."""

from __future__ import annotations

from decimal import Decimal

from .._wire.openai_chat import ChatQuirks
from ..models import Image
from ._provider import Model, Price, Provider

_GPT_OSS_EFFORTS = ("low", "medium", "high")


def _price(input_: str, output: str, cached: str | None = None) -> Price:
    return Price(
        input=Decimal(input_),
        output=Decimal(output),
        cached=None if cached is None else Decimal(cached),
    )


def _retired(name: str, date: str, replacement: str, price: Price) -> Model:
    return Model(id=name, retired=date, replacement=replacement, price=price)


GROQ = Provider(
    name="groq",
    base_url="https://api.groq.com/openai/v1",
    base_path="/openai/v1",
    key_variable="GROQ_API_KEY",
    url_variable="GROQ_BASE_URL",
    default_model="openai/gpt-oss-120b",
    models=(
        Model(
            id="openai/gpt-oss-120b",
            context_window=131_072,
            max_output=65_536,
            reasoning=True,
            efforts=_GPT_OSS_EFFORTS,
            price=_price("0.15", "0.60", "0.075"),
        ),
        Model(
            id="openai/gpt-oss-20b",
            context_window=131_072,
            max_output=65_536,
            reasoning=True,
            efforts=_GPT_OSS_EFFORTS,
            price=_price("0.075", "0.30", "0.0375"),
        ),
        Model(
            id="openai/gpt-oss-safeguard-20b",
            context_window=131_072,
            max_output=65_536,
            reasoning=True,
            efforts=_GPT_OSS_EFFORTS,
            price=_price("0.075", "0.30", "0.0375"),
        ),
        Model(
            id="qwen/qwen3.8-27b",
            context_window=131_072,
            max_output=16_384,
            reasoning=True,
            efforts=("none", "default", *_GPT_OSS_EFFORTS),
            price=_price("0.8", "4"),
        ),
        Model(id="groq/compound", context_window=131_072, reasoning=True),
        Model(id="groq/compound-mini", context_window=131_072, reasoning=True),
        _retired(
            "llama-3.3-70b-versatile",
            "2026-08-16",
            "openai/gpt-oss-120b",
            _price("0.59", "0.79"),
        ),
        _retired(
            "llama-3.1-8b-instant",
            "2026-08-16",
            "openai/gpt-oss-20b",
            _price("0.05", "0.08"),
        ),
        _retired(
            "llama-3.1-70b-versatile",
            "2025-01",
            "openai/gpt-oss-120b",
            _price("0.59", "0.79"),
        ),
        _retired(
            "mixtral-8x7b-32768",
            "2025-03",
            "openai/gpt-oss-20b",
            _price("0.24", "0.24"),
        ),
    ),
    # The requested output counts against tokens per minute before the call runs, and
    # usage comes under x_groq without asking.
    quirks=ChatQuirks(usage_on_request=False, sends_reasoning=True),
    parts=(Image,),
    max_stop_sequences=4,
)
