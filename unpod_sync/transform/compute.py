"""`pyarrow.compute`, imported when it is first used: it takes 0.05 s, and a sync that finds nothing needs none of it."""

from __future__ import annotations

import importlib
from typing import Any

import pyarrow as pa
from pyarrow._compute import (  # the only function of an idle sync, without the rest
    MatchSubstringOptions,
    call_function,
)


class _Compute:
    """Stands for the module; a function is looked up once."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(importlib.import_module("pyarrow.compute"), name)
        setattr(self, name, found)
        return found


pc: Any = _Compute()


def match_regex(values: pa.Array, pattern: str) -> list[bool]:
    """For each value whether the pattern occurs in it."""
    matches: list[bool] = call_function(
        "match_substring_regex", [values], MatchSubstringOptions(pattern)
    ).to_pylist()
    return matches
