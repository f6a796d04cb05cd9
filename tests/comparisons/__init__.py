"""Measurements against other programs and other ways of doing the same; `python -m tests.comparisons NAME` runs one."""
