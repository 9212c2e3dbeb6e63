"""JobWise on Django, with a mock for a provider.

DJANGO_SECRET_KEY=any python -m django test examples.jobwise.web.django_site \\
    --settings examples.jobwise.web.django_site.settings
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.test import SimpleTestCase, override_settings

from llm_adapter import LLMFactory, LLMRateLimitError, MockLLMService, TokenTracker

from ... import scenario

RESUME = "- Built a bridge.\n- Slept."
JOB = "We build bridges."
STYLE = {"tone": "neutral", "sentences": "short", "habits": ["Begins with verbs."]}
ITEM = {"achievement": "Built a bridge.", "score": 90, "reason": "It fits."}
RANKING = {"items": [ITEM], "missing": ["Rust"]}
LETTER = {"resume": RESUME, "job": JOB, "style": STYLE, "ranking": RANKING}


class JobWiseTests(SimpleTestCase):
    def setUp(self) -> None:
        self.answer(scenario.RESPONSES)
        ledger = f"sqlite:///{self.enterContext(TemporaryDirectory())}/ledger.db"
        known = {**settings.LLM_ADAPTER, "PROVIDER": "prepared", "LEDGER": ledger}
        self.enterContext(override_settings(LLM_ADAPTER=known))

    def answer(self, responses: Mapping[str, Any]) -> None:
        self.llm = llm = MockLLMService(responses)

        class Prepared(MockLLMService):
            def __new__(cls, *arguments: Any, **options: Any) -> Any:
                return llm

        LLMFactory.register_adapter("prepared", Prepared)

    def post(self, path: str, body: object, user: str = "mira") -> Any:
        headers = {"X-User-Id": user}
        return self.client.post(path, body, "application/json", headers=headers)

    def usage(self, user: str = "mira") -> Any:
        return self.client.get("/usage", headers={"X-User-Id": user}).json()

    def test_style_is_extracted(self) -> None:
        response = self.post("/style/extract", {"resume": RESUME})
        self.assertEqual(response.json(), json.loads(scenario.STYLE))

    def test_profile_is_enhanced(self) -> None:
        body = {"resume": RESUME, "job": JOB, "style": STYLE}
        response = self.post("/profile/enhance", body)
        self.assertEqual(response.json(), {"summary": scenario.PROFILE})

    def test_content_is_ranked(self) -> None:
        ranking = self.post("/content/rank", {"resume": RESUME, "job": JOB}).json()
        self.assertEqual([each["score"] for each in ranking["items"]], [88, 55])
        self.assertEqual(ranking["missing"], ["Rust", "railways"])

    def test_letter_comes_as_a_whole(self) -> None:
        response = self.post("/cover-letter", LETTER)
        self.assertEqual(response.json(), {"text": scenario.LETTER.strip()})

    def test_letter_comes_as_it_is_written_and_is_booked_to_the_user(self) -> None:
        response = self.post("/cover-letter/stream", LETTER)
        body = response.getvalue().decode()
        self.assertIn("Dear ", body)
        self.assertIn("\n\nevent: done\n", body)
        self.assertEqual(list(self.usage()["workflows"]), ["cover_letter_generation"])

    def test_usage_is_the_users_own(self) -> None:
        self.post("/style/extract", {"resume": RESUME})
        workflows = self.usage()["workflows"]
        self.assertEqual(list(workflows), ["writing_style_extraction"])
        self.assertEqual(self.usage("someone-else")["total_tokens"], 0)

    def test_user_whose_budget_is_used_up_is_told(self) -> None:
        known = settings.LLM_ADAPTER
        with TokenTracker(known["LEDGER"], budgets=known["BUDGETS"]) as tracker:
            tracker.log_usage("mira", None, "mock", "any", tokens_used=200_000)
        response = self.post("/style/extract", {"resume": RESUME})
        self.assertEqual(response.status_code, 402)
        self.assertEqual(self.llm.calls, [])

    def test_nobody_is_let_in_without_a_name(self) -> None:
        for user in ("", "two words", "x" * 65):
            with self.subTest(user=user):
                response = self.post("/style/extract", {"resume": RESUME}, user)
                self.assertEqual(response.status_code, 401)
        self.assertEqual(self.llm.calls, [])

    def test_what_is_not_asked_for_so_costs_nothing(self) -> None:
        for path, changed in (
            ("/style/extract", {"resume": "x" * 20_001}),
            ("/content/rank", {"resume": "No achievement at all."}),
            ("/profile/enhance", {"style": {**STYLE, "tone": "angry"}}),
            ("/cover-letter/stream", {"ranking": None}),
        ):
            with self.subTest(path=path):
                response = self.post(path, {**LETTER, **changed})
                self.assertEqual(response.status_code, 422)
        self.assertEqual(self.post("/style/extract", "no object").status_code, 422)
        self.assertEqual(self.llm.calls, [])

    def test_unusable_answer_is_asked_for_once_more(self) -> None:
        self.answer({"writing style": ["{", scenario.STYLE]})
        response = self.post("/style/extract", {"resume": RESUME})
        self.assertEqual(response.status_code, 200)
        self.assertEqual(len(self.llm.calls), 2)

    def test_rate_limit_says_when_to_come_back(self) -> None:
        self.answer({"cover letter": LLMRateLimitError(retry_after=7)})
        for path in ("/cover-letter", "/cover-letter/stream"):
            response = self.post(path, LETTER)
            self.assertEqual(response.status_code, 429)
            self.assertEqual(response.headers["Retry-After"], "7")

    def test_views_take_their_own_method_only(self) -> None:
        headers = {"X-User-Id": "mira"}
        for path in ("/style/extract", "/cover-letter/stream"):
            self.assertEqual(self.client.get(path, headers=headers).status_code, 405)
        self.assertEqual(self.post("/usage", {}).status_code, 405)
