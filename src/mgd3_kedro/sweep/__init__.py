"""Sweeps: loops over runs that reuse existing results and wait for those in progress."""
