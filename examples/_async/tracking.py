"""Book what is used and keep to a budget: LLM_LEDGER_URL says where."""

from __future__ import annotations

from llm_adapter import (
    AsyncLLMFactory,
    AsyncTokenTracker,
    AsyncTrackingLLMService,
    Budget,
    LLMBudgetExceededError,
    usage_context,
)

BUDGETS = [
    Budget(50, per="month"),  # US dollars, of all calls together
    Budget(tokens=40_000, per="day", user_id="*"),  # of each user
]


async def main() -> bool:
    async with AsyncTokenTracker(budgets=BUDGETS) as tracker:
        base = AsyncLLMFactory.create()
        async with AsyncTrackingLLMService(base, tracker) as llm:
            with usage_context(user_id=7, workflow="profile_enhancement"):
                response = await llm.generate("Improve: I wrote some programs.")
                print(response.text, response.cost)
                try:
                    await llm.generate("And now a book.", max_tokens=100_000)
                except LLMBudgetExceededError as error:
                    print(error)

        usage = await tracker.get_user_usage(7, days=30)
        print(usage["total_tokens"], usage["total_cost"], usage["workflows"])
        for row in await tracker.get_usage(by=["day", "model"]):
            print(row.day, row.model, row.requests, row.errors, row.cost)
    return usage["workflows"]["profile_enhancement"] > 0
