"""Faults of the world around a run: kills, full disks, flipped bits; and runs that go on."""
