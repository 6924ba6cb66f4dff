"""Who may import whom: each folder only what is below it, so that every folder can be read by itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# From top to bottom. What is in one row may not import each other; a folder may import all rows below its own.
TABLE = (
    {"tests", "tests_spark"},
    {"bench"},
    {"proof"},
    {"tools"},
    {"therapy_policy.__main__"},
    {"therapy_policy.cli", "therapy_policy.spark"},
    {"therapy_policy.interop", "therapy_policy.review"},
    {"therapy_policy.change", "therapy_policy.bulk"},
    {"therapy_policy.explain"},
    {"therapy_policy.classes"},
    {"therapy_policy.policy"},
    {"therapy_policy.client", "therapy_policy.sidecar"},
    {"therapy_policy.toolchain"},
    {"therapy_policy.data_check"},
    {"therapy_policy.inputs"},
    {"therapy_policy.deadlines", "therapy_policy.files", "therapy_policy.nesting", "therapy_policy.wording"},
    {"therapy_policy.errors"},
)
ROW = {name: row for row, names in enumerate(TABLE) for name in names}
# The package itself only hands on what is below it, and is imported as anybody outside would.
PACKAGE = "therapy_policy"
FROM_PACKAGE = dict.fromkeys(("AsyncSidecarClient", "EmbeddedClient", "SidecarClient"), "therapy_policy.client")

FILES = sorted(
    path
    for folder in ("python/therapy_policy", "bench", "proof", "tests", "tests_spark", "tools")
    for path in (ROOT / folder).rglob("*.py")
)


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part not in ("python", "__init__"))


def place_of(module: str) -> str | None:
    """The row of the table that a module is in; None for other packages, and for the package itself."""
    return next((name for name in ROW if module == name or module.startswith(f"{name}.")), None)


def imports(text: str) -> Iterator[str]:
    """Every module that a text imports, wherever it does, and what it takes from the package itself."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
            yield from (FROM_PACKAGE.get(each.name, f"{PACKAGE}.{each.name}") for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{each.name}" for each in node.names)


def wrong_imports(module: str, text: str) -> list[str]:
    importer = place_of(module)
    assert importer or module == PACKAGE, f"{module} is in no row of the table"
    if importer is None:
        return []
    imported = ((name, place_of(name)) for name in imports(text))
    return [name for name, place in imported if place and place != importer and ROW[place] <= ROW[importer]]


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_a_folder_imports_only_what_is_below_it(path: Path) -> None:
    assert wrong_imports(module_of(path), path.read_text(encoding="utf-8")) == []


def test_an_import_against_the_order_is_noticed() -> None:
    text = "def late():\n    from therapy_policy.review.site import Site\n"
    assert wrong_imports("therapy_policy.policy.bundles", text) == ["therapy_policy.review.site.Site"]
    assert wrong_imports("therapy_policy.bulk.batch", text) == ["therapy_policy.review.site.Site"]
    assert wrong_imports("therapy_policy.client.x", "from therapy_policy import EmbeddedClient\n") == []
    assert wrong_imports("tools.x", "from proof import oracle\n") == ["proof.oracle"]
    assert wrong_imports("tests.x", "from proof import oracle\n") == []


def test_modules_import_each_other_in_no_circle() -> None:
    modules = {module_of(path): path for path in FILES}
    graph = {
        module: {
            next(name for name in (imported, imported.rpartition(".")[0]) if name in modules)
            for imported in imports(path.read_text(encoding="utf-8"))
            if imported in modules or imported.rpartition(".")[0] in modules
        }
        - {module}
        for module, path in modules.items()
    }
    finished: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " → ".join((*above, module))
        if module not in finished:
            for imported in sorted(graph[module]):
                visit(imported, (*above, module))
            finished.add(module)

    for module in sorted(graph):
        visit(module, ())
