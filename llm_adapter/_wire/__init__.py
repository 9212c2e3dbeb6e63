"""Wire dialects, sans-I/O: bytes in, values out."""
