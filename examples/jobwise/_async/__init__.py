"""The services by hand; those of `_sync` are generated from them."""
