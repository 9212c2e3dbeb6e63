"""The ledger."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations, models

import llm_adapter.integrations.django.fields


class Migration(migrations.Migration):
    initial: ClassVar[Any] = True

    dependencies: ClassVar[Any] = []

    operations: ClassVar[Any] = [
        migrations.CreateModel(
            name="LLMUsage",
            fields=[
                (
                    "id",
                    models.CharField(max_length=255, primary_key=True, serialize=False),
                ),
                ("call_id", models.CharField(max_length=255, verbose_name="call")),
                ("attempt", models.IntegerField()),
                ("at", models.DateTimeField(verbose_name="began at")),
                ("day", models.DateField(verbose_name="day (UTC)")),
                ("operation", models.CharField(max_length=32)),
                ("provider", models.CharField(max_length=255)),
                ("model", models.CharField(max_length=255)),
                (
                    "user_id",
                    models.CharField(max_length=255, null=True, verbose_name="user"),
                ),
                ("workflow", models.CharField(max_length=255, null=True)),
                ("status", models.CharField(max_length=32)),
                ("error", models.CharField(max_length=255, null=True)),
                (
                    "status_code",
                    models.IntegerField(null=True, verbose_name="HTTP status"),
                ),
                ("input_tokens", models.BigIntegerField(null=True)),
                ("output_tokens", models.BigIntegerField(null=True)),
                ("cached_input_tokens", models.BigIntegerField(null=True)),
                ("cache_write_tokens", models.BigIntegerField(null=True)),
                ("reasoning_tokens", models.BigIntegerField(null=True)),
                ("total_tokens", models.BigIntegerField(null=True)),
                ("cache_write_long_tokens", models.BigIntegerField(null=True)),
                ("service_tier", models.CharField(max_length=255, null=True)),
                ("speed", models.CharField(max_length=255, null=True)),
                (
                    "cost",
                    llm_adapter.integrations.django.fields.DollarsField(
                        null=True, verbose_name="cost in US dollars"
                    ),
                ),
                (
                    "price_date",
                    models.DateField(null=True, verbose_name="date of the prices"),
                ),
                ("latency", models.FloatField(verbose_name="seconds")),
                (
                    "first_token",
                    models.FloatField(
                        null=True, verbose_name="seconds to the first token"
                    ),
                ),
                (
                    "request_id",
                    models.CharField(
                        max_length=255, null=True, verbose_name="request id"
                    ),
                ),
            ],
            options={
                "verbose_name": "LLM request",
                "verbose_name_plural": "LLM usage",
                "ordering": ["-at", "id"],
                "indexes": [
                    models.Index(fields=["at"], name="llm_adapter_at"),
                    models.Index(fields=["day"], name="llm_adapter_day"),
                    models.Index(
                        fields=["user_id", "day"], name="llm_adapter_user_day"
                    ),
                    models.Index(
                        fields=["workflow", "day"], name="llm_adapter_workflow_day"
                    ),
                ],
            },
        ),
    ]
