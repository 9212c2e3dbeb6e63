"""Web applications: read them, run them, copy from them."""
