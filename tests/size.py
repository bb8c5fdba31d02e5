"""How big the house is: `python -m tests.size` prints lines, import levels, cycles and the longest pieces.

A level is the longest chain of imports below a package: one that imports nothing of ours is on level 1.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

from tests.test_layers import MODULES, PACKAGE, imports, package_of


def lines(path: Path) -> int:
    """All lines of a file: code, comments and blank ones."""
    return len(path.read_text(encoding="utf-8").splitlines())


def levels(graph: dict[str, set[str]]) -> dict[str, int]:
    """The level of each node; raises `ValueError` when there is a cycle."""
    found: dict[str, int] = {}

    def level(name: str, above: tuple[str, ...]) -> int:
        if name in above:
            raise ValueError(f"cycle: {' -> '.join((*above, name))}")
        if name not in found:
            found[name] = 1 + max((level(below, (*above, name)) for below in graph[name]), default=0)
        return found[name]

    for name in graph:
        level(name, ())
    return found


def package_graph() -> dict[str, set[str]]:
    """Which package imports which."""
    graph: dict[str, set[str]] = defaultdict(set)
    for name, path in MODULES.items():
        ours = package_of(name)
        graph[ours] |= {package_of(target) for target in imports(path) & MODULES.keys()} - {ours, ""}
    return dict(graph)


def longest(kind: type[ast.AST] | tuple[type[ast.AST], ...]) -> list[tuple[int, str]]:
    """Definitions of this kind in the product, longest first: lines and place."""
    found = []
    for path in MODULES.values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, kind):
                size = (node.end_lineno or 0) - node.lineno + 1  # type: ignore[attr-defined]
                place = f"{path.relative_to(PACKAGE)}:{node.lineno} {node.name}"  # type: ignore[attr-defined]
                found.append((size, place))
    return sorted(found, reverse=True)


def fields() -> list[tuple[int, str]]:
    """Classes by their number of annotated fields, most first."""
    found = []
    for path in MODULES.values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                number = sum(isinstance(item, ast.AnnAssign) for item in node.body)
                found.append((number, f"{path.relative_to(PACKAGE)}:{node.lineno} {node.name}"))
    return sorted(found, reverse=True)


def main() -> None:
    """Prints the table."""
    graph = package_graph()
    height = levels(graph)
    total: dict[str, int] = defaultdict(int)
    for name, path in MODULES.items():
        total[package_of(name) or "__init__"] += lines(path)
    print(f"{'package':<14}{'lines':>7}{'level':>7}")
    for name, number in sorted(total.items(), key=lambda item: (-height.get(item[0], 0), item[0])):
        print(f"{name:<14}{number:>7}{height.get(name, 0):>7}")
    product = sum(number for name, number in total.items() if name != "simulator")
    print(
        f"\nproduct {product} lines, simulator {total['simulator']}; {max(height.values())} levels, no cycle"
    )
    modules = levels({name: imports(path) & MODULES.keys() - {name} for name, path in MODULES.items()})
    print(f"modules: {len(modules)}, {max(modules.values())} levels, no cycle")
    lengths = sorted(
        ((lines(path), str(path.relative_to(PACKAGE))) for path in MODULES.values()), reverse=True
    )
    for kind, limit, found in (
        ("module", 400, lengths),
        ("function", 40, longest((ast.FunctionDef, ast.AsyncFunctionDef))),
        ("class by fields", 12, fields()),
    ):
        over = [(size, place) for size, place in found if size > limit]
        print(f"\nlongest {kind}: {found[0][0]}, {found[0][1]}; {len(over)} over {limit}")
        for size, place in over:
            print(f"{size:>7}  {place}")


if __name__ == "__main__":
    main()
