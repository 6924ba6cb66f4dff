"""The search of the site: what each page says, in sections with an address, as a script that works from a file.

MiniSearch makes the index in the browser, so that the file stays small and no page has to be fetched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

from therapy_policy.toolchain.fetching import ReportStep, to_stderr
from therapy_policy.toolchain.node import installed

PACKAGE = resources.files("therapy_policy.review")
LIBRARY = Path("minisearch")
PAGES_WITHOUT = ("search.html",)  # they say nothing about the policy
VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"])
HEADINGS = frozenset(("h1", "h2", "h3", "h4"))
NAMING = HEADINGS | {"th", "dt", "strong", "summary"}  # the first of these names its section
SILENT = frozenset(("script", "style", "pre", "svg", "nav", "form", "noscript", "template", "select"))
INLINE = frozenset(["a", "abbr", "b", "code", "em", "i", "mark", "small", "span", "strong", "sub", "sup", "var", "wbr"])
WITHOUT = "data-nosearch"  # the attribute of an element that only repeats what others say
LONGEST_TITLE = 90


@dataclass
class Section:
    """A part of a page that can be linked to."""

    anchor: str  # on its page; "" for the page as a whole
    page: str = ""  # the title of its page
    title: str = ""
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All that it says, as plain text."""
        return " ".join("".join(self.texts).split())


@dataclass
class _Open:
    """An element that is open, and the section that starts with it."""

    tag: str
    section: Section | None = None
    silent: bool = False


class _Reader(HTMLParser):
    """Reads the sections of a page: one for each element with an id, without those inside it."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[_Open] = []
        self.sections: list[Section] = []
        self.in_main = False
        self.naming: str | None = None  # the tag of the open element whose text becomes a title
        self.whole = Section("")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "main":
            self.in_main = True
            self.sections.append(self.whole)
        if tag == "br":
            self._say(" ")
        if tag in VOID or not self.in_main:
            return
        element = _Open(tag, silent=tag in SILENT or WITHOUT in attributes)
        name = attributes.get("id")
        if name and tag != "main" and not name.endswith("-title") and not self.silent and not element.silent:
            section = Section(name)
            self.sections.append(section)
            if tag in HEADINGS and self.open:  # what follows a heading belongs to it
                self.open[-1].section = section
            else:
                element.section = section
        self.open.append(element)
        if tag not in INLINE:
            if self.section.title.strip():
                self._end_title()  # it is the first paragraph of what names the section
            self._say(" ")
        if tag in NAMING and self.naming is None and not self.section.title and not self.silent:
            self.naming = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == "main":
            self.in_main = False
        if not self.in_main or tag in VOID:
            return
        if tag == self.naming:
            self._end_title()
        if tag not in INLINE:
            self._say(" ")
        while self.open and self.open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.in_main and not self.silent:
            self._say(data)

    def _end_title(self) -> None:
        self.naming = None
        self.section.title = " ".join(self.section.title.split())

    def _say(self, text: str) -> None:
        if self.naming is not None:
            self.section.title += text
        else:
            self.section.texts.append(text)

    @property
    def silent(self) -> bool:
        return any(element.silent for element in self.open)

    @property
    def section(self) -> Section:
        return next((each.section for each in reversed(self.open) if each.section), self.whole)


def sections_of(html: str) -> list[Section]:
    """Return the sections of a page that say something, with the page as a whole first."""
    reader = _Reader()
    reader.feed(html)
    page = " ".join(reader.whole.title.split())
    for section in reader.sections:
        section.page = page
        section.title = section.title.strip() or _start_of(section.text)
    return [section for section in reader.sections if section.title]


def search_files(pages: Mapping[str, str], progress: ReportStep = to_stderr) -> dict[str, bytes]:
    """Return the scripts of the search, given the pages by name; a section that several pages have counts once.

    Raises `ReviewToolsNotAvailable`.
    """
    library = installed(progress) / LIBRARY
    script = (library / "dist" / "umd" / "index.js").read_text(encoding="utf-8")
    license_ = (library / "LICENSE.txt").read_text(encoding="utf-8").strip().replace("*/", "* /")
    code = "".join(line for line in script.splitlines(keepends=True) if not line.startswith("//# sourceMappingURL="))
    index = json.dumps(_records(pages), ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    return {
        "minisearch.js": f"/*\nminisearch\n\n{license_}\n*/\n{code}".encode(),
        "search-index.js": f"window.THERAPY_SEARCH = {index};\n".encode(),
        "search.js": (PACKAGE / "search.js").read_bytes(),
    }


def _records(pages: Mapping[str, str]) -> dict[str, list[list[Any]]]:
    """The pages, each with its name and title, and the sections, each with the number of its page."""
    records: dict[str, list[list[Any]]] = {"pages": [], "sections": []}
    seen = set()
    for name, html in pages.items():
        if name in PAGES_WITHOUT:
            continue
        sections = sections_of(html)
        number = len(records["pages"])
        records["pages"].append([name, sections[0].page])
        for section in sections:
            if (section.title, section.text) not in seen:
                seen.add((section.title, section.text))
                records["sections"].append([number, section.anchor, section.title, section.text])
    return records


def _start_of(text: str) -> str:
    if len(text) <= LONGEST_TITLE:
        return text
    return re.sub(r"\s\S*$", "", text[:LONGEST_TITLE]) + " …"
