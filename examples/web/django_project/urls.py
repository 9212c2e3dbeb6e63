"""Addresses of the project."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from . import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("ask", views.ask),
    path("tell", views.tell),
    path("aask", views.aask),
    path("atell", views.atell),
]
