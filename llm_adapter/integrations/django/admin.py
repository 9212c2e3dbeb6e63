"""The ledger in Django's administration: to look at, with totals."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html

from ..._figures import NONE, UNKNOWN, dollars, known_cost, places_for, share
from ...ledger import UsageRow
from ._config import database
from ._sums import total
from .models import LLMUsage

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[LLMUsage]
else:
    _ModelAdmin = admin.ModelAdmin

MOST_USERS = 50
"""That the filter names: those with the most requests. The search finds all others."""


class UserFilter(admin.SimpleListFilter):
    """By user."""

    title: Any = "user"
    parameter_name: Any = "user_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The users with the most requests."""
        rows = model_admin.get_queryset(request).filter(user_id__isnull=False)
        counted = rows.order_by().values_list("user_id").annotate(times=Count("id"))
        busiest = counted.order_by("-times", "user_id")[:MOST_USERS]
        return [(user, user) for user, _ in busiest]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """Of one user, or of all."""
        return queryset.filter(user_id=self.value()) if self.value() else queryset


@admin.register(LLMUsage)
class LLMUsageAdmin(_ModelAdmin):
    """Nobody adds, changes or deletes what was booked."""

    change_list_template: ClassVar[Any] = "llm_adapter/usage_change_list.html"
    date_hierarchy: ClassVar[Any] = "day"
    list_display: Any = (
        *("at", "user", "workflow", "provider", "model", "operation", "status"),
        *("tokens", "dollars", "latency"),
    )
    list_filter: ClassVar[Any] = (
        "day",
        ("provider", admin.AllValuesFieldListFilter),
        ("model", admin.AllValuesFieldListFilter),
        ("workflow", admin.AllValuesFieldListFilter),
        ("status", admin.AllValuesFieldListFilter),
        UserFilter,
    )
    search_fields: ClassVar[Any] = (
        *("=id", "=call_id", "=request_id", "=user_id"),
        *("workflow", "model", "error"),
    )
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows of the database that the ledger is in."""
        return super().get_queryset(request).using(database())

    def has_add_permission(self, request: HttpRequest) -> bool:
        """No."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """No."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """No."""
        return False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list; its rows know their users."""
        found = super().get_changelist_instance(request)
        found.result_list = list(found.result_list)
        _introduce(found.result_list)
        return found

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, and above it what its filters leave, added up."""
        response = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None) or {}
        if "cl" in context:
            context["llm_totals"] = _told(total(context["cl"].queryset))
        return response

    @admin.display(description="user", ordering="user_id")
    def user(self, row: Any) -> str:
        """The user, with a link where there is one of that key."""
        known = getattr(row, "known_user", None)
        if row.user_id is None or known is None:
            return row.user_id or NONE
        options = known._meta
        page = f"{self.admin_site.name}:{options.app_label}_{options.model_name}_change"
        try:
            address = reverse(page, args=[known.pk])
        except NoReverseMatch:  # somebody's administration without users
            return str(row.user_id)
        return str(format_html('<a href="{}">{}</a>', address, known))

    @admin.display(description="tokens", ordering="total_tokens")
    def tokens(self, row: Any) -> str:
        """As the provider counts."""
        return NONE if row.total_tokens is None else f"{row.total_tokens:,}"

    @admin.display(description="cost", ordering="cost")
    def dollars(self, row: Any) -> str:
        """What it cost, as far as that is known."""
        if row.cost is None:
            return UNKNOWN if row.status == "succeeded" else NONE
        return dollars(row.cost, places_for([row.cost]))


def _introduce(rows: Iterable[Any]) -> None:
    """Tell rows of the users whose keys they have, with one query."""
    model = get_user_model()
    keys = {}
    for row in rows:
        if row.user_id is not None:
            # What no key can be is a user of another system.
            with suppress(ValidationError):
                keys[row.user_id] = _key(model._meta.pk, row.user_id)
    known = model._default_manager.in_bulk(set(keys.values()))
    for row in rows:
        row.known_user = known.get(keys.get(row.user_id))


def _key(field: Any, text: str) -> Any:
    key = field.to_python(text)
    field.run_validators(key)
    return key


def _told(row: UsageRow) -> list[tuple[str, str]]:
    cost = known_cost(row, places_for([row.cost]))
    if row.unpriced and row.cost:
        cost = f"{cost} (requests without a known price: {row.unpriced:,})"
    return [
        ("Cost", cost),
        ("Requests", f"{row.requests:,}"),
        ("Errors", f"{row.errors:,} ({share(row.errors, row.requests)})"),
        ("Input tokens", f"{row.input_tokens:,}"),
        ("Output tokens", f"{row.output_tokens:,}"),
        ("Tokens", f"{row.total_tokens:,}"),
        ("Spared by the cache", f"{row.cached:,}"),
    ]
