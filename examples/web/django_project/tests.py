"""Without a provider: `python -m examples.web.django_project.manage test`."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.test import TestCase, override_settings

from llm_adapter.integrations.django.models import LLMUsage


@override_settings(LLM_ADAPTER={**settings.LLM_ADAPTER, "PROVIDER": "mock"})
class QuestionsTest(TestCase):
    def test_questions_are_booked_to_who_asks(self) -> None:
        user = User.objects.create_user("ann")
        self.client.force_login(user)
        response = self.client.get("/ask", {"q": "Who are you?"})
        self.assertEqual(response.json(), {"answer": "Mock LLM response"})
        row = LLMUsage.objects.get()
        self.assertEqual((row.user_id, row.workflow), (str(user.pk), "questions"))
