"""JobWise: four workflows of a program that helps people with their applications.

Business code depends on the port alone; `scripts/demo` runs it.
"""
