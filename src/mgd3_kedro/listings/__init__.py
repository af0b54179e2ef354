"""Listings in lines of 80 columns: results of all runs, and names that can be chosen."""

WIDTH = 80
