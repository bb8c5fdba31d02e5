"""Values inside decoded JSON: visited and replaced by path, also inside JSON text."""

from __future__ import annotations

import json
from typing import Any

from unpod_sync.transform.json_tree import DROP, Path, leaves, rewrite, scalar_text

TREE = {"a": [1, {"b": "x"}], "c": json.dumps({"d": {"e": None}, "secret": "s"}), "f": '{"cut'}


def test_leaves_open_json_text_and_skip_keys() -> None:
    assert list(leaves(TREE, skip=("secret",))) == [
        (("a",), 1), (("a", "b"), "x"), (("c", "d", "e"), None), (("f",), '{"cut'),
    ]  # fmt: skip


def test_rewrite_drops_replaces_and_leaves_the_rest() -> None:
    """Text with JSON stays as it was written unless something inside changed; the original is not touched."""

    def change(path: Path, value: Any) -> Any:
        if path and path[-1] == "secret":
            return DROP
        return value.upper() if path == ("a", "b") else value

    before = json.dumps(TREE)
    spaced = {"g": '{ "h": 1 }', "secret": '{"i": 2}'}
    assert rewrite(TREE, change) == {"a": [1, {"b": "X"}], "c": '{"d":{"e":null}}', "f": '{"cut'}
    assert rewrite(spaced, change) == {"g": '{ "h": 1 }'}
    assert json.dumps(TREE) == before


def test_scalar_text_is_of_texts_and_whole_numbers() -> None:
    values = ["1", 1, 1.0, 1.5, True, None, [], float("nan")]
    assert [scalar_text(value) for value in values] == ["1", "1", "1", None, None, None, None, None]
