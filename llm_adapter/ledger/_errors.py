"""What goes wrong with the ledger's database."""

from __future__ import annotations

from ..errors import LLMServiceError


class LedgerError(LLMServiceError):
    """The ledger's database cannot be used, or does not do what it was asked."""

    summary = "The ledger's database cannot be used."
    retryable = True
