"""Test doubles for programs that use llm_adapter."""
