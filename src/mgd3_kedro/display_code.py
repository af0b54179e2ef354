"""Code that shows how far something is, which is part of no identity."""

from __future__ import annotations

from mgd3_kedro.source_code import Definition, Symbol, definition_of

_CLOCK, _TRAINING, _SAMPLING = (
    f"{__name__.partition('.')[0]}.{module}"
    for module in ("durations", "evaluation.progress", "sampling.progress")
)
_IN_WORDS, _NOW_AND_THEN = Symbol(_CLOCK, "in_words"), Symbol(_CLOCK, "NowAndThen")
_LOGGER = "1a6242eb60975dbf2264f00340032b59d5328cd16f0cbd96d9ab0471d234f0b2"

# What this code was when identities still counted it: whatever was made then stays valid.
STANDS_FOR = {
    Symbol(_CLOCK, "UNITS"): Definition(
        "edabb74d286f71c51e6e8dbbe40a6e85daacbbcb82eb25f8bca30b72f18822c7"
    ),
    Symbol(_CLOCK, "SECONDS_BETWEEN"): Definition(
        "d4f2e392505015a39b73c5a785ee03588c22b586c82f49e86eeca9797ba291ab"
    ),
    _IN_WORDS: Definition(
        "eabf9da4ecc30bff5504af7981ea32af24e6b5c5c1e991b9610dc84b1747e9fb",
        frozenset({Symbol(_CLOCK, "UNITS")}),
    ),
    _NOW_AND_THEN: Definition(
        "dc00dc718b2a4565e5f47f460a889eaeefbcfaccbc78b3983c67d4334e032a85",
        frozenset({Symbol(_CLOCK, "SECONDS_BETWEEN")}),
    ),
    Symbol(_TRAINING, "SECONDS_BETWEEN"): Definition(
        "0f9a5aca1a3274a71c11884762de87f02aef341702ee791701e04f2afe441db4"
    ),
    Symbol(_TRAINING, "logger"): Definition(_LOGGER),
    Symbol(_TRAINING, "ProgressLog"): Definition(
        "cd8c7f68191b3ca6e2acf5f1ae7f7afebdee1052ca50075eab37fb2672e2e676",
        frozenset(
            {
                Symbol(_TRAINING, "SECONDS_BETWEEN"),
                Symbol(_TRAINING, "logger"),
                _IN_WORDS,
                _NOW_AND_THEN,
            }
        ),
    ),
    Symbol(_SAMPLING, "logger"): Definition(_LOGGER),
    Symbol(_SAMPLING, "StepLog"): Definition(
        "5d5d446b57583365c8b43b396b2202a4be318a7f45dcbcb9873ff44853378fc1",
        frozenset({Symbol(_SAMPLING, "logger"), _IN_WORDS, _NOW_AND_THEN}),
    ),
}
"""Symbol -> what it counts as, whatever its code is."""


def counted_definition_of(symbol: Symbol) -> Definition:
    """Return what a symbol counts as in an identity: its code, unless it only shows something.

    Source: ours.
    """
    return STANDS_FOR.get(symbol) or definition_of(symbol)
