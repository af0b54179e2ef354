"""Faults that are put into a copy of the project, one at a time, for the tests to find."""
