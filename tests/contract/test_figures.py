"""Figures that were measured name the policy that they were measured with, and say so if that is another one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from therapy_policy.policy.bundles import packaged_bundle
from tools.figures import NOT_PROVEN, SECTIONS, with_warning_in_section

PAGE = """# Page

About it.

### Figures

Measured with policy 2.0.2, digest `DIGEST`.

| a | 1 |

## Others

Measured with another policy, digest `OTHER`.
"""


def test_a_section_of_another_policy_gets_a_warning_until_it_is_measured_again() -> None:
    bundle = packaged_bundle()
    page = PAGE.replace("DIGEST", "0" * 64).replace("OTHER", bundle.digest)
    warned = with_warning_in_section(page, "### Figures", bundle)
    head, warning = f"### Figures\n\n{NOT_PROVEN}", f"This is policy {bundle.revision}.\n\nMeasured with policy 2.0.2"
    assert head in warned
    assert warning in warned
    assert warned.count(NOT_PROVEN) == 1
    assert with_warning_in_section(warned, "### Figures", bundle) == warned
    measured = warned.replace("0" * 64, bundle.digest)
    assert with_warning_in_section(measured, "### Figures", bundle) == page.replace("0" * 64, bundle.digest)


@pytest.mark.parametrize(("page", "heading"), SECTIONS, ids=[heading.strip("# ") for _, heading in SECTIONS])
def test_each_section_names_its_policy(page: Path, heading: str) -> None:
    section = page.read_text(encoding="utf-8").partition(f"{heading}\n")[2].partition("\n## ")[0]
    assert re.search(r"digest `[0-9a-f]{64}`", section)
