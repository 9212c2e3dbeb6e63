"""Addresses of JobWise."""

from __future__ import annotations

from django.urls import path
from django.views.decorators.http import require_GET

from . import views

urlpatterns = [
    path("style/extract", views.extract_style),
    path("profile/enhance", views.enhance_profile),
    path("content/rank", views.rank_content),
    path("cover-letter", views.write_letter),
    path("cover-letter/stream", views.stream_letter),
    path("usage", require_GET(views.usage)),
]
