"""Front doors for web frameworks; each is imported by its own name."""
