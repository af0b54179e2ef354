"""The families of faults, a module each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from itertools import groupby
from random import Random

from faults.families.clocks import jump
from faults.families.damage import damage_checkpoints, damage_given, damage_made
from faults.families.disks import fill_disks, limit_files, may_mount, protect_disks
from faults.families.harm import bring_archives, bring_images, bring_models, bring_tables
from faults.families.kills import (
    damage_states,
    kill_in_sweeps,
    kill_prior,
    kill_sharing,
    kill_stages,
)
from faults.families.signals import signal_stages, signal_starts
from faults.families.stores import lock_stores, lose_servers, lose_stores
from faults.families.surroundings import change_names, change_surroundings
from faults.families.together import run_different_ones, run_equal_ones
from faults.families.workers import lose_workers
from faults.table import Family, Fault

SEED = 26
FAMILIES: dict[str, Family] = {
    "kill a stage": kill_stages,
    "kill pretrain": kill_prior,
    "kill one of three": kill_sharing,
    "kill a sweep": kill_in_sweeps,
    "end a stage": signal_stages,
    "end a start": signal_starts,
    "damage what is made": damage_made,
    "damage a sweep": damage_states,
    "damage what is given": damage_given,
    "damage a checkpoint": damage_checkpoints,
    "fill a disk": fill_disks,
    "limit files": limit_files,
    "protect a disk": protect_disks,
    "lock the store": lock_stores,
    "lose the store": lose_stores,
    "lose the server": lose_servers,
    "equal runs at once": run_equal_ones,
    "different runs at once": run_different_ones,
    "let clocks jump": jump,
    "change the surroundings": change_surroundings,
    "change the folder": change_names,
    "lose a worker": lose_workers,
    "bring an image": bring_images,
    "bring an archive": bring_archives,
    "bring a class table": bring_tables,
    "bring a model": bring_models,
}
"""Name -> what draws its faults."""
MOUNTED = ("fill a disk", "protect a disk")
"""Families that mount small disks."""


def can_happen(fault: Fault) -> bool:
    """Tell whether a fault can happen here: not everybody may mount disks."""
    return fault.family not in MOUNTED or may_mount()


def all_faults(seed: int = SEED) -> list[Fault]:
    """Return the faults of all families; the same ones for the same seed."""
    return [
        Fault(family, what, happen)
        for family, draw in FAMILIES.items()
        for what, happen in draw(Random(f"{seed} {family}"))
    ]


def spread(faults: Sequence[Fault], each: int) -> list[Fault]:
    """Return at most so many faults of each family, spread over all of it."""
    chosen = []
    for _, of_family in groupby(faults, key=lambda fault: fault.family):
        known = [*of_family]
        step = max(1, len(known) // each)
        chosen += known[step // 2 :: step][:each]
    return chosen


def in_turn(faults: Sequence[Fault], tried: Container[str]) -> list[Fault]:
    """Return faults with those never tried first, one of every family, then another of every one.

    So that what is ended before its end has seen something of all.

    Args:
        faults: In the order of families.
        tried: Digests of those that were.
    """
    places: Counter[tuple[bool, str]] = Counter()
    ranked = []
    for fault in faults:
        key = fault.digest in tried, fault.family
        ranked.append((key[0], places[key], fault))
        places[key] += 1
    return [fault for *_, fault in sorted(ranked, key=lambda one: one[:2])]
