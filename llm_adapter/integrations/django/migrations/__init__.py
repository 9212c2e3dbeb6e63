"""The tables of the app, and the steps that lead to them from any older version."""
