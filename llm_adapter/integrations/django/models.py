"""The ledger as a model: one row for each request on the wire, and each spared one."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from .fields import DollarsField


class LLMUsage(models.Model):
    """What a request was, whose it was, and what it took; written once, never changed.

    The fields are those of `llm_adapter.ledger.Record`.
    """

    id: Any = models.CharField(primary_key=True, max_length=255)
    call_id: Any = models.CharField("call", max_length=255)
    attempt: Any = models.IntegerField()
    at: Any = models.DateTimeField("began at")
    day: Any = models.DateField("day (UTC)")
    operation: Any = models.CharField(max_length=32)
    provider: Any = models.CharField(max_length=255)
    model: Any = models.CharField(max_length=255)
    # No foreign key: the ledger outlives users, and knows those of other systems.
    user_id: Any = models.CharField("user", max_length=255, null=True)
    workflow: Any = models.CharField(max_length=255, null=True)
    status: Any = models.CharField(max_length=32)
    error: Any = models.CharField(max_length=255, null=True)
    status_code: Any = models.IntegerField("HTTP status", null=True)
    input_tokens: Any = models.BigIntegerField(null=True)
    output_tokens: Any = models.BigIntegerField(null=True)
    cached_input_tokens: Any = models.BigIntegerField(null=True)
    cache_write_tokens: Any = models.BigIntegerField(null=True)
    reasoning_tokens: Any = models.BigIntegerField(null=True)
    total_tokens: Any = models.BigIntegerField(null=True)
    cache_write_long_tokens: Any = models.BigIntegerField(null=True)
    service_tier: Any = models.CharField(max_length=255, null=True)
    speed: Any = models.CharField(max_length=255, null=True)
    cost: Any = DollarsField("cost in US dollars", null=True)
    price_date: Any = models.DateField("date of the prices", null=True)
    latency: Any = models.FloatField("seconds")
    first_token: Any = models.FloatField("seconds to the first token", null=True)
    request_id: Any = models.CharField("request id", max_length=255, null=True)

    objects: ClassVar[Any] = models.Manager()

    class Meta:
        ordering: ClassVar[Any] = ["-at", "id"]
        verbose_name = "LLM request"
        verbose_name_plural = "LLM usage"
        indexes: ClassVar[Any] = [
            models.Index(fields=["at"], name="llm_adapter_at"),
            models.Index(fields=["day"], name="llm_adapter_day"),
            models.Index(fields=["user_id", "day"], name="llm_adapter_user_day"),
            models.Index(fields=["workflow", "day"], name="llm_adapter_workflow_day"),
        ]

    def __str__(self) -> str:
        return f"{self.provider}:{self.model} {self.at:%Y-%m-%d %H:%M:%S}"
