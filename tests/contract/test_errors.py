"""The exceptions of the package: all in one module, each with its exit status, each importable from the package."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import therapy_policy
from therapy_policy import errors

PACKAGE = Path(therapy_policy.__file__).parent
EXCEPTIONS = {
    name: each
    for name, each in vars(errors).items()
    if isinstance(each, type) and issubclass(each, BaseException) and each.__module__ == errors.__name__
}


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_an_exception_can_be_imported_from_the_package(name: str) -> None:
    assert name in therapy_policy.__all__
    assert getattr(therapy_policy, name) is EXCEPTIONS[name]


def test_the_package_exports_what_it_says() -> None:
    assert all(getattr(therapy_policy, name) for name in therapy_policy.__all__)
    with pytest.raises(AttributeError):
        _ = therapy_policy.no_such_name


@pytest.mark.parametrize("name", [name for name in EXCEPTIONS if name != "Stopped"])
def test_the_exit_status_of_an_exception_is_the_documented_one(name: str) -> None:
    documented = re.search(rf"^ +{name} +(\d)", errors.__doc__ or "", re.MULTILINE)
    assert documented
    assert getattr(EXCEPTIONS[name], "exit_status") == int(documented[1])  # noqa: B009


def test_a_stopped_run_has_the_status_of_its_signal() -> None:
    assert errors.Stopped(15).exit_status == 143
    assert not issubclass(errors.Stopped, Exception)


def test_no_other_module_defines_an_exception_that_a_caller_may_meet() -> None:
    defined = {
        f"{path.relative_to(PACKAGE)}: {node.name}"
        for path in PACKAGE.rglob("*.py")
        if path.name != "errors.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if isinstance(base, ast.Name) and (base.id in EXCEPTIONS or base.id.endswith(("Error", "Exception")))
    }
    # No caller meets these: `toolchain` tries the next way to fetch, and the service answers over HTTP.
    assert defined == {"toolchain/fetching.py: Unusable", "interop/http_service.py: _Fault"}
