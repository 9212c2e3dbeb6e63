"""Names of models that say whether the model is still offered."""

from __future__ import annotations

from typing import Self


class ModelName(str):
    """A model's name that says whether the model is still offered.

    >>> old = ModelName("gpt-4", retired="2026-10-23", replacement="gpt-6.1-sol")
    >>> old == "gpt-4", old.retired
    (True, '2026-10-23')

    Args:
        name: as the provider writes it.
        retired: date of its shutdown (ISO), None while it is offered.
        replacement: what to use instead once it is retired.
    """

    retired: str | None
    replacement: str | None

    def __new__(
        cls, name: str, *, retired: str | None = None, replacement: str | None = None
    ) -> Self:
        made = super().__new__(cls, name)
        made.retired = retired
        made.replacement = replacement
        return made
