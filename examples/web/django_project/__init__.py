"""A small Django project: questions, streams, errors and the ledger."""
