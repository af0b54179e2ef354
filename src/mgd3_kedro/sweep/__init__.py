"""A grid of settings: one session per point, what points share made once."""
