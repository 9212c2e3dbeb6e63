"""What a call may take, before it is made: for budgets to reserve."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from . import pricing
from ._identity import Identity
from .ledger import Amounts
from .models import LLMRequest, Part, Text, Usage

BYTES_OF_A_TOKEN = 3
"""Of English they are four, of other languages and of code fewer. The truth comes with
the answer."""

TOKENS_OF_A_TEXT = 8
"""Around it."""

TOKENS_OF_AN_ANSWER = 2000
"""That nothing bounds: as many as most models are allowed by default."""


def request_amounts(identity: Identity) -> Amounts:
    """For an answer; None where part of the request is no text, or has no price.

    Args:
        identity: who would be asked, and what.
    """
    request = identity.request
    if request is None:
        return Amounts()
    received = TOKENS_OF_AN_ANSWER if request.max_tokens is None else request.max_tokens
    return _amounts(identity, _tokens(_texts(request)), received)


def embedding_amounts(identity: Identity, texts: Sequence[str]) -> Amounts:
    """For the vectors of some texts."""
    return _amounts(identity, _tokens(texts), 0)


def _amounts(identity: Identity, sent: int | None, received: int) -> Amounts:
    if sent is None:
        return Amounts()
    usage = Usage(input_tokens=sent, output_tokens=received)
    request = identity.request
    tier = request.extra_body.get("service_tier") if request is not None else None
    return Amounts.of(
        cost=pricing.cost(
            usage,
            identity.provider,
            identity.model,
            service_tier=tier if isinstance(tier, str) else None,
            prices=identity.prices,
        ),
        tokens=sent + received,
    )


def _tokens(texts: Iterable[str | None]) -> int | None:
    """Of all texts; None when one of them is no text."""
    tokens = 0
    for text in texts:
        if text is None:
            return None
        # What is not ASCII has two bytes or more, and as many tokens more.
        size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        tokens += size // BYTES_OF_A_TOKEN + TOKENS_OF_A_TEXT
    return tokens


def _texts(request: LLMRequest) -> Iterator[str | None]:
    """All that is sent; None stands for what is no text, such as an image."""
    if request.system_message is not None:
        yield request.system_message
    yield from _parts(request.prompt)
    for message in request.messages:
        yield from _parts(message.content)
        for call in message.tool_calls:
            yield f"{call.name} {call.raw_arguments or call.arguments}"
    for tool in request.tools:
        yield f"{tool.name} {tool.description} {tool.parameters}"


def _parts(content: str | Sequence[Part]) -> Iterator[str | None]:
    if isinstance(content, str):
        yield content
        return
    for part in content:
        yield part.text if isinstance(part, Text) else None
