"""Lighthouse gives full marks for accessibility. `make lighthouse` measures performance, on a quiet machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.review.lighthouse import PAGES, scores, serving


@pytest.mark.parametrize("page", PAGES)
def test_full_marks_for_accessibility(page: str, site: Path) -> None:
    with serving(site) as address:
        assert scores(f"{address}/{page}", "accessibility") == {"accessibility": 100}
