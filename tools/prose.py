"""Check the project's words against its word list, styles/words.yaml, and print FILE:LINE: what to write.

textlint reads prose, not source code. So this takes from each file what a person reads (paragraphs, comments,
docstrings, messages), one piece a line, gives it to textlint in one run, and finds the lines that its answer is about.

With paths, only those files are checked; else all that git tracks or would track. Exits 1 on a finding, and 3 if
textlint is unavailable.
"""

from __future__ import annotations

import ast
import io
import json
import re
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from therapy_policy.errors import TherapyPolicyError
from therapy_policy.toolchain import node

ROOT = Path(__file__).parents[1]
STYLES = ROOT / "styles"
TIMEOUT_S = 120.0

Lines = list[tuple[int, str]]  # the lines of one piece of prose, each with its number in the file


@dataclass(frozen=True, order=True)
class Finding:
    """One phrase of the word list, where it is, and what to write."""

    path: str
    line: int
    phrase: str
    write: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: “{self.phrase}”: write {self.write}"


# --- what a person reads of a file, by kind of file


def markdown(text: str) -> Iterator[Lines]:
    """Paragraphs, headings, list items and rows of tables, without code."""
    text = re.sub(r"^( *)(```|~~~).*?^\1\2", _blank, text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"<!--.*?-->", _blank, text, flags=re.DOTALL)
    text = re.sub(r"\]\([^)\n]*\)", "]", text)
    piece: Lines = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or re.match(r"\s*([#|>]|[-*+] |\d+\. )", line):
            yield piece
            piece = []
        piece.append((number, re.sub(r"[\[\]*_|#]", " ", line)))
    yield piece


def python(text: str) -> Iterator[Lines]:
    """Comments, docstrings and strings of several words."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    yield from _adjacent((t.start[0], t.string.lstrip("#")) for t in tokens if t.type == tokenize.COMMENT)
    source = text.splitlines()
    nodes: list[ast.AST] = [ast.parse(text)]
    while nodes:
        found = nodes.pop()
        if isinstance(found, ast.JoinedStr) or (isinstance(found, ast.Constant) and isinstance(found.value, str)):
            # As written, so that each line keeps its number. Columns are counted in bytes.
            first, last = found.lineno - 1, (found.end_lineno or found.lineno) - 1
            lines = [line.encode() for line in source[first : last + 1]]
            lines[-1] = lines[-1][: found.end_col_offset]
            lines[0] = lines[0][found.col_offset :]
            yield [(first + 1 + at, _string(line.decode())) for at, line in enumerate(lines)]
        else:
            nodes += ast.iter_child_nodes(found)


def rego(text: str) -> Iterator[Lines]:
    """Comments, METADATA, and strings."""
    return _by_token(text, r'"(?:[^"\\\n]|\\.)*"|`[^`]*`|#[^\n]*', "#")


def javascript(text: str) -> Iterator[Lines]:
    """Comments, and strings, with or without placeholders."""
    quoted = r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|`(?:[^`\\]|\\.)*`'
    return _by_token(text, rf"{quoted}|(?<![:\\])//[^\n]*|/\*.*?\*/", "/")


def css(text: str) -> Iterator[Lines]:
    """Comments, and what is written by a style."""
    return _by_token(text, r'"(?:[^"\\\n]|\\.)*"|/\*.*?\*/', "/")


def html(text: str) -> Iterator[Lines]:
    """Text, the attributes that are read, and strings in the expressions of a template."""
    for found in re.finditer(r"\{[%{].*?[%}]\}", text, flags=re.DOTALL):
        yield from _by_token(found[0], r'"[^"\n]*"', "", _line(text, found.start()))
    for found in re.finditer(r'\b(?:aria-label|title|alt|placeholder|content)="([^"]*)"', text):
        yield _numbered(_without_expressions(found[1]), _line(text, found.start(1)))
    text = re.sub(r"<(script|style)\b.*?</\1>", _blank, text, flags=re.DOTALL)
    text = _without_expressions(text)
    text = re.sub(r"</?(?:a|abbr|b|code|em|i|kbd|strong|span)\b[^>]*>", "", text)
    at = 0
    for end in [*re.finditer(r"<[^>]*>", text), None]:
        yield _numbered(text[at : end.start() if end else None], _line(text, at))
        at = end.end() if end else at


def yaml_text(text: str) -> Iterator[Lines]:
    """Comments, and values of several words."""
    for found in yaml.scan(text, Loader=yaml.SafeLoader):
        if isinstance(found, yaml.ScalarToken):
            value = text[found.start_mark.index : found.end_mark.index]
            yield _numbered(_string(value), found.start_mark.line + 1)
    yield from hash_comments(text)


def json_text(text: str) -> Iterator[Lines]:
    """Titles and descriptions of schemas."""
    for found in re.finditer(r'"(?:title|description|\$comment)": *"((?:[^"\\]|\\.)*)"', text):
        yield [(_line(text, found.start()), found[1])]


def hash_comments(text: str) -> Iterator[Lines]:
    """Comments that begin with a hash."""
    found = ((number, re.search(r"(?:^|\s)#+(?:\s+(.*))?$", line)) for number, line in enumerate(text.splitlines(), 1))
    return _adjacent((number, comment[1] or "") for number, comment in found if comment)


READERS: dict[str, Callable[[str], Iterator[Lines]]] = {
    ".cjs": javascript,
    ".css": css,
    ".html": html,
    ".jinja": html,
    ".js": javascript,
    ".json": json_text,
    ".md": markdown,
    ".py": python,
    ".rego": rego,
    ".toml": hash_comments,
    ".yaml": yaml_text,
    ".yml": yaml_text,
    "Makefile": hash_comments,
}


def _by_token(text: str, pattern: str, comment: str, first_line: int = 1) -> Iterator[Lines]:
    comments: Lines = []
    for found in re.finditer(pattern, text, flags=re.DOTALL):
        line = first_line + _line(text, found.start()) - 1
        if comment and found[0].startswith(comment):
            comments += _numbered(re.sub(r"^\s*(?:#+|/[/*]+|\*+(?!/))|\*/$", " ", found[0], flags=re.MULTILINE), line)
        else:
            yield _numbered(_string(found[0]), line)
    yield from _adjacent(comments)


def _adjacent(comments: Iterable[tuple[int, str]]) -> Iterator[Lines]:
    """Join comments on lines that follow each other; an empty one separates."""
    piece: Lines = []
    for number, comment in comments:
        if piece and (number > piece[-1][0] + 1 or not comment.strip()):
            yield piece
            piece = []
        piece.append((number, comment))
    yield piece


def _string(source: str) -> str:
    """Return a string without quotes and escapes, and a placeholder for what is filled in."""
    source = re.sub(r"^\s*[rbfuRBFU]{0,2}(\"\"\"|\"|'|`)|(\"\"\"|\"|'|`)\s*$", " ", source)
    source = re.sub(r"\\[nt]", " ", source)
    return re.sub(r"\$?\{[^{}]*\}", "…", source)


def _without_expressions(text: str) -> str:
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}", _blank, text, flags=re.DOTALL)
    return re.sub(r"\{\{.*?\}\}", lambda found: "…" + _blank(found), text, flags=re.DOTALL)


def _blank(found: re.Match[str]) -> str:
    return "\n" * found[0].count("\n")


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _numbered(text: str, first: int) -> Lines:
    return list(enumerate(text.split("\n"), first))


# --- the linter


def check(files: dict[str, str]) -> list[Finding]:
    """Return what the word list finds in files, given as their texts by name; raise if textlint is unavailable."""
    pieces: list[tuple[str, str, list[int]]] = []  # file, text, and of each character the line in the file
    for path, text in files.items():
        for lines in _reader(path)(text):
            prose, numbers = _one_line(lines)
            if " " in prose and ":=" not in prose:  # one word is a name, an assignment is Rego
                pieces.append((path, prose, numbers))
    if not pieces:
        return []
    found = set()
    # Every piece is a line, with an empty one between two.
    for line, column, message in _textlint("\n\n".join(prose for _, prose, _ in pieces)):
        path, _, numbers = pieces[(line - 1) // 2]
        phrase, _, write = message.partition(" => ")
        found.add(Finding(path, numbers[column - 1 + len(phrase) - len(phrase.lstrip(" ,.;:"))], phrase.strip(), write))
    return sorted(found)


def _one_line(lines: Lines) -> tuple[str, list[int]]:
    """Join lines into one, with each run of whitespace as one space, and code as one backtick."""
    text, numbers = "", []
    for number, line in lines:
        words = " ".join(line.split())
        if words:
            words = words if not text else f" {words}"
            text += words
            numbers += [number] * len(words)
    kept = [at for span in _outside_code(text) for at in span]
    return "".join(text[at] for at in kept), [numbers[at] for at in kept]


def _outside_code(text: str) -> Iterator[range]:
    at = 0
    for code in re.finditer(r"(`+)[^`]+\1", text):
        yield range(at, code.start() + 1)
        at = code.end()
    yield range(at, len(text))


def _textlint(text: str) -> list[tuple[int, int, str]]:
    """Return the line, the column and the message of each finding."""
    modules = node.installed(project=STYLES)
    command = [
        str(node.find_node()),
        str(modules / "textlint" / "bin" / "textlint.js"),
        "--config",
        str(STYLES / "textlintrc.json"),
        "--rules-base-directory",
        str(modules),
        "--format",
        "json",
        "--stdin",
        "--stdin-filename",
        "prose.txt",
    ]
    done = subprocess.run(command, input=text.encode(), capture_output=True, cwd=STYLES, timeout=TIMEOUT_S)
    try:
        return [(m["line"], m["column"], m["message"]) for file in json.loads(done.stdout) for m in file["messages"]]
    except ValueError:
        raise SystemExit(f"textlint failed: {done.stderr.decode(errors='replace').strip()}") from None


def _reader(path: str) -> Callable[[str], Iterator[Lines]]:
    name = Path(path)
    if "templates" in name.parts and name.suffix == ".yaml":
        return hash_comments  # of Helm, and not yet YAML
    return READERS.get(name.suffix or name.name, hash_comments)


# The list of words itself, and the records of releases, which keep the words of their day.
NOT_READ = (STYLES.name, "releases")


def tracked(names: list[str]) -> list[str]:
    """Return the paths of files with prose that git tracks or would track; with names, only those below them."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *names],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = (Path(path) for path in listed.stdout.decode().split("\0") if path)
    return sorted(
        path.as_posix()
        for path in paths
        if (path.suffix or path.name) in READERS and path.parts[0] not in NOT_READ and (ROOT / path).is_file()
    )


def main() -> None:
    """Check the files and directories that are named, or all files."""
    named = [name for name in sys.argv[1:] if (ROOT / name).is_file()]
    below = [name for name in sys.argv[1:] if name not in named]
    paths = [*named, *(tracked(below) if below or not named else [])]
    files = {path: (ROOT / path).read_text(encoding="utf-8") for path in paths}
    if not files:
        print("error: there is nothing to check; name files or directories of this repository", file=sys.stderr)
        sys.exit(2)
    try:
        found = check(files)
    except TherapyPolicyError as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(3)
    for each in found:
        print(each)
    if found:
        by_file = Counter(each.path for each in found)
        print(f"{len(found)} phrases of styles/words.yaml in {len(by_file)} files", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
