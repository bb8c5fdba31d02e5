"""The house keeps its layers: read from the imports themselves."""

from __future__ import annotations

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "unpod_sync"


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in PACKAGE.rglob("*.py")}


#: Every package may import these; they import nothing of ours.
LEAVES = {"errors", "suggest", "escaping", "formatting"}

#: Package → what else it may import besides itself. Nothing else is allowed.
MAY_IMPORT = {
    "cli": {
        "sync", "privacy", "analytics", "report", "operations", "warehouse", "api", "transform", "simulator",
        "assistant", "tables", "config", "model", "clock",
    },
    "sync": {"privacy", "warehouse", "api", "transform", "tables", "config", "model", "clock"},
    "privacy": {"warehouse", "transform", "tables", "config", "model", "clock"},
    "analytics": {"warehouse", "transform", "tables", "config", "model"},
    "assistant": {"analytics", "privacy", "warehouse", "transform", "config", "model"},
    "report": {"analytics", "warehouse", "config", "model"},
    "operations": {"api", "warehouse", "transform", "tables", "config", "model"},
    "warehouse": {"transform", "tables", "config", "model"},
    "api": {"model"},
    "transform": {"tables", "model"},
    "config": {"model"},
    "tables": set(),
    "model": set(),
    "clock": set(),
    "errors": set(),
    "suggest": set(),
    "escaping": set(),
    "formatting": set(),
    "simulator": set(),
}  # fmt: skip

#: The most import levels that packages may stand on each other.
LEVELS = 7


def package_of(name: str) -> str:
    """The package (or the module at the root) that a module belongs to; "" for the root itself."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


class RunTime(ast.NodeTransformer):
    """Leaves out what only a type checker sees."""

    def visit_If(self, node: ast.If) -> ast.AST | None:
        is_typing = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        return None if is_typing else self.generic_visit(node)


def imports(path: Path) -> set[str]:
    tree = RunTime().visit(ast.parse(path.read_text(encoding="utf-8")))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in names}
    return found


def test_there_are_no_cycles():
    graph = {name: imports(path) & MODULES.keys() for name, path in MODULES.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"cycle: {' -> '.join((*trail[trail.index(name) :], name))}"
        if name not in done:
            for target in sorted(graph[name] - {name}):
                visit(target, (*trail, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())


def test_packages_import_only_what_the_table_allows():
    """Data goes down through the packages and never back."""
    for name, path in MODULES.items():
        package = package_of(name)
        if package in ("", "__main__"):
            continue
        for target in imports(path) & MODULES.keys():
            other = package_of(target)
            assert other in LEAVES | {"", package} or other in MAY_IMPORT[package], f"{name} imports {target}"


def test_the_packages_are_those_of_the_table():
    """A new package, or module at the root, takes its place in the table and on at most seven levels."""
    packages = {package_of(name) for name in MODULES} - {"", "__main__"}
    assert packages == MAY_IMPORT.keys()

    def level(package: str) -> int:
        below = MAY_IMPORT[package] | (set() if package in LEAVES else LEAVES)
        return 1 + max((level(other) for other in below), default=0)

    assert max(map(level, packages)) <= LEVELS


def is_command_line(name: str) -> bool:
    return name == "unpod_sync.cli" or name.startswith("unpod_sync.cli.") or name.endswith("__main__")


def test_only_the_command_line_knows_click_prints_or_exits():
    for name, path in MODULES.items():
        if is_command_line(name):
            continue
        assert "click" not in imports(path), name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("print", "exit", "quit"), f"{name}:{node.lineno}"
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "sys"
            ):
                assert node.attr != "exit", f"{name}:{node.lineno}"


def test_nothing_below_imports_the_command_line():
    for name, path in MODULES.items():
        if not is_command_line(name):
            assert not any(is_command_line(target) for target in imports(path)), name


def test_only_the_warehouse_knows_where_it_is_stored():
    """All others go through `Storage`: no files of a warehouse, no logs, no locks, no DuckDB connections of their own."""
    of_files = re.compile(
        r"duckdb\.connect|\.wal\b|\.work\b|warehouse\.(?:work_file|publish|duckdb_file)\b|import .*\bFiles\b"
    )
    for name, path in MODULES.items():
        if package_of(name) != "warehouse":
            found = of_files.findall(path.read_text(encoding="utf-8"))
            assert not found, f"{name}: {found}"


def test_the_simulator_shares_nothing_with_us():
    for name, path in MODULES.items():
        if name.startswith("unpod_sync.simulator"):
            ours = {target for target in imports(path) if target.startswith("unpod_sync")}
            assert all(target.startswith("unpod_sync.simulator") for target in ours), name


def test_pure_modules_do_no_io():
    doing = {"os", "requests", "duckdb", "socket", "time", "random", "subprocess", "pathlib"}
    for name in ("plan", "parse", "retry"):
        found = [path for module, path in MODULES.items() if module.rsplit(".", 1)[-1] == name]
        assert found, name
        for path in found:
            assert not imports(path) & doing, path


def test_nothing_catches_everything():
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler):
                caught = getattr(node.type, "id", None)
                # BaseException is caught where it is raised again after tidying up.
                assert node.type is not None and caught != "Exception", f"{name}:{node.lineno}"
