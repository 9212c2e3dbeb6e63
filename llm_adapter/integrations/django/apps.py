"""The app, as INSTALLED_APPS names it."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core.checks import register
from django.core.signals import setting_changed


class LLMAdapterConfig(AppConfig):
    """Checks the settings, and makes services anew when tests change them."""

    name = "llm_adapter.integrations.django"
    label = "llm_adapter"
    verbose_name: Any = "Language models"

    def ready(self) -> None:
        """Django has read its settings and the models."""
        from ._services import forget_if_changed
        from .checks import check_settings

        register(check_settings)
        setting_changed.connect(forget_if_changed)
