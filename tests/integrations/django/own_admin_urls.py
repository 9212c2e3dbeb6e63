"""An administration of somebody's own, which has no users."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.urls import path

from llm_adapter.integrations.django.admin import LLMUsageAdmin
from llm_adapter.integrations.django.models import LLMUsage

site = AdminSite("own")
site.register(LLMUsage, LLMUsageAdmin)
urlpatterns = [path("admin/", site.urls)]
