"""Sections of pages that a measurement writes."""

from __future__ import annotations

from pathlib import Path


def write_section(page: Path, heading: str, text: str) -> None:
    """Write a section, with its heading (`## …` and the end of the line), into a page in place of the last one."""
    before = page.read_text(encoding="utf-8")
    if heading not in before:
        raise SystemExit(f"error: {page} has no heading {heading.strip()}")
    page.write_text(with_section(before, heading, text), encoding="utf-8")


def with_section(page: str, heading: str, text: str) -> str:
    """Return a page with a new section in place of the one that has this heading."""
    before, _, rest = page.partition(heading)
    _, next_heading, after = rest.partition("\n## ")
    return before + text + next_heading + after
