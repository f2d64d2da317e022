"""What the layout promises: who may import what, how long things are, a plain version of every statistic."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

import cnmine

ROOT = Path(cnmine.__file__).parent
TESTS = Path(__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
KERNELS = [path for path in MODULES if path.name.endswith("_kernels.py")]
MAX_MODULE_LINES, MAX_FUNCTION_LINES, MAX_KERNEL_LINES = 400, 50, 60


def by_module(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.relative_to(ROOT).as_posix())


def imported_modules(path):
    """Names of the modules that a file imports anywhere."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@by_module(MODULES)
def test_module__numba_only_in_jit_and_click_only_in_cli(path):
    roots = {name.split(".")[0] for name in imported_modules(path)}
    assert "numba" not in roots or path == ROOT / "_jit.py"
    assert "click" not in roots or path.parent == ROOT / "cli"


@by_module(KERNELS)
def test_kernels__import_nothing_but_arithmetic(path):
    allowed = {"__future__", "math", "numpy", "cnmine", "cnmine._jit", "cnmine.dtypes"}
    modules = {name for name in imported_modules(path) if not name.startswith(("cnmine._jit.", "cnmine.dtypes."))}
    assert {name for name in modules if not name.startswith("__future__.")} <= allowed


@by_module(MODULES)
def test_module__says_what_it_does(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@by_module(MODULES)
def test_module__is_short(path):
    lines = path.read_text(encoding="utf-8").split("\n")
    assert len(lines) <= MAX_MODULE_LINES + 1
    limit = MAX_KERNEL_LINES if path in KERNELS else MAX_FUNCTION_LINES
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
            length = body[-1].end_lineno - body[0].lineno + 1
            assert length <= limit, f"{node.name} has {length} lines"


@by_module([path for path in MODULES if path.name == "__init__.py" and path.parent not in (ROOT, ROOT / "cli")])
def test_package__holds_no_code(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    defined = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert [node for node in defined if node.name not in ("__getattr__", "__dir__")] == []


def public_statistics():
    for path in sorted((ROOT / "stats").glob("[a-z]*.py")):
        module = importlib.import_module(f"cnmine.stats.{path.stem}")
        for name, function in vars(module).items():
            if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_"):
                yield name


@pytest.mark.parametrize("name", sorted(public_statistics()))
def test_statistics__have_a_plain_version(name):
    reference = importlib.import_module("reference")
    tests = "".join(path.read_text(encoding="utf-8") for path in (TESTS / "unit" / "stats").glob("test_*.py"))
    # A view of another statistic needs no version of its own, but a test.
    assert hasattr(reference, name) or re.search(rf"\b{name}\b", tests)
