"""Pages that people write, kept in step with the policy: figures that were measured, and versions in examples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from therapy_policy.policy.bundles import packaged_bundle
from therapy_policy.policy.releases import releases_of
from tools.figures import GUIDES, NOT_PROVEN, ROOT, SECTIONS, with_newest_release, with_warning_in_section

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


def test_the_guides_start_from_the_newest_release() -> None:
    page = (
        "the newest release is 1.9.2: diff 1.9.2, 1.9.3 or 1.10.0.\nThen 2.0.0\n## What was tried\nOn 1.9.1: 1.10.0\n"
    )
    assert with_newest_release(page, "2.3.0") == (
        "the newest release is 2.3.0: diff 2.3.0, 2.3.1 or 2.4.0.\nThen 3.0.0\n## What was tried\nOn 1.9.1: 1.10.0\n"
    )
    with pytest.raises(ValueError, match=r"1\.8\.0 is not 1\.9\.2"):
        with_newest_release(page.replace("1.9.3", "1.8.0"), "2.3.0")
    guides = GUIDES.read_text(encoding="utf-8")
    newest = releases_of(ROOT)[-1].version
    assert with_newest_release(guides, newest) == guides
    assert with_newest_release(guides, "7.7.7").count("7.7.7") == guides.partition("## What was tried")[0].count(newest)
