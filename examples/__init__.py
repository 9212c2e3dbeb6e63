"""Programs that use llm-adapter: read them, run them, copy from them."""
