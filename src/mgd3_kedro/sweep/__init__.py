"""Loops over runs that find what is there, and wait for what another one is making."""
