"""llm_usage and llm_check."""
