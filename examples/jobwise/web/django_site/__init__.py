"""JobWise on Django."""
