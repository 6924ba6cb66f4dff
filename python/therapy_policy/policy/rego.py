"""The only reader of Rego: the pages and rules of a bundle, from the syntax trees that `opa parse` writes.

All code that needs a rule's content, references or METADATA gets them here. Nothing matches patterns in the text of a
rule, so a page can be worded and laid out for people.
"""

from __future__ import annotations

import base64
import json
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from therapy_policy.errors import BundleNotUsable, OpaNotAvailable
from therapy_policy.toolchain.opa import find_opa, opa_environment

Node = Any  # of a syntax tree
DataPath = tuple[str, ...]  # of a document in `data`, such as ("therapy", "parameters")

ENTRY_PACKAGE: DataPath = ("therapy",)  # the package of the entry points
DECISION: DataPath = (*ENTRY_PACKAGE, "decision")  # the rule that decides one request
OPA_SECONDS = 120.0  # for one run of OPA; the longest, which compiles the policy, takes a few


@dataclass(frozen=True)
class Mention:
    """A string or a reference to `data` in a page: its position, its source text, and its target."""

    row: int  # counted from 1
    column: int  # counted from 1, in bytes of UTF-8
    source: str
    target: str | DataPath


@dataclass(frozen=True)
class RegoError:
    """Something that keeps OPA from reading a page, at a row counted from 1."""

    row: int
    message: str


@dataclass(frozen=True)
class RuleBranch:
    """A rule, or one `else` of a rule. It applies to some request types only, if its body names them."""

    only_for: frozenset[str] | None  # the request types; None for all
    reads: frozenset[DataPath]
    value: Node = field(compare=False)  # the term of its value
    body: Sequence[Node] = field(compare=False)

    def applies_to(self, request_type: str) -> bool:
        """Whether the branch can apply to requests of a type."""
        return self.only_for is None or request_type in self.only_for


@dataclass(frozen=True)
class RegoRule:
    """One definition of a rule in a page. Several definitions can share a name; each is its own `RegoRule`."""

    file: str
    package: DataPath
    name: str
    is_default: bool
    title: str | None
    description: str
    metadata: str  # all of its METADATA, as JSON
    content: str  # its syntax tree without comments and METADATA, as JSON
    branches: tuple[RuleBranch, ...]
    texts: frozenset[str]  # the strings in it
    names: frozenset[str]  # the variables in it, including rules of its own page
    mentions: tuple[Mention, ...] = field(compare=False)
    first_row: int  # of its METADATA, or of the rule itself
    row: int

    @cached_property
    def reads(self) -> frozenset[DataPath]:
        """The documents that the rule reads; each path ends before its first variable."""
        return frozenset(path for branch in self.branches for path in branch.reads)

    def applies_to(self, request_type: str) -> bool:
        """Whether some branch of the rule can apply to requests of a type."""
        return any(branch.applies_to(request_type) for branch in self.branches)


@dataclass(frozen=True)
class Page:
    """One Rego file."""

    file: str  # its path in the bundle, such as therapy/outpatient_pt/visit.rego
    package: DataPath
    title: str
    description: str
    metadata: str  # of the package, as JSON
    rules: tuple[RegoRule, ...]
    mentions: tuple[Mention, ...] = field(compare=False)  # in its imports and rules


@dataclass(frozen=True)
class Rego:
    """All pages of a bundle, without tests."""

    pages: tuple[Page, ...]

    @cached_property
    def rules(self) -> tuple[RegoRule, ...]:
        """All rules, page by page."""
        return tuple(rule for page in self.pages for rule in page.rules)

    @cached_property
    def words(self) -> frozenset[str]:
        """The names and strings in all rules, including each field that a rule reads by name."""
        return frozenset(word for rule in self.rules for word in rule.texts | rule.names)

    @cached_property
    def packages(self) -> dict[DataPath, list[RegoRule]]:
        """The rules of each package."""
        rules: dict[DataPath, list[RegoRule]] = {page.package: [] for page in self.pages}
        for rule in self.rules:
            rules[rule.package].append(rule)
        return rules

    @cached_property
    def reads(self) -> frozenset[DataPath]:
        """All documents that some rule reads."""
        return frozenset(path for rule in self.rules for path in rule.reads)

    def reachable(self, start: set[DataPath], request_type: str | None) -> tuple[set[DataPath], set[DataPath]]:
        """The packages of the rules that `start` uses, directly or indirectly, and all documents that these rules read.

        `start` has packages, or rules as a package and a name. Only branches that apply to the request type count;
        None means any type.
        """
        used: set[DataPath] = set()
        reads: set[DataPath] = set()
        named: set[DataPath] = set()  # by a rule of the same page
        new = {path for path in self._by_path if path in start or path[:-1] in start}
        while new:
            used |= new
            rules = [rule for path in new for rule in self._by_path[path]]
            named |= {(*rule.package, name) for rule in rules for name in rule.names}
            reads |= {
                path
                for rule in rules
                for branch in rule.branches
                if request_type is None or branch.applies_to(request_type)
                for path in branch.reads
            }
            new = {
                path
                for path in self._by_path.keys() - used
                if path in named or any(path[: len(read)] == read[: len(path)] for read in reads)
            }
        return {path[:-1] for path in used}, reads

    @cached_property
    def _by_path(self) -> dict[DataPath, list[RegoRule]]:
        """The rules by package and name."""
        rules: dict[DataPath, list[RegoRule]] = {}
        for rule in self.rules:
            rules.setdefault((*rule.package, rule.name), []).append(rule)
        return rules

    def _is_read(self, package: DataPath, reads: set[DataPath]) -> bool:
        names = {rule.name for rule in self.packages[package]}
        size = len(package)
        return any(
            package[: len(path)] == path or (path[:size] == package and path[size] in names)
            for path in reads
            if len(path) <= size or path[:size] == package
        )

    def packages_for(self, request_type: str) -> list[DataPath]:
        """The packages that the entry page uses only for some request types, this one among them, in its order."""
        packages: dict[DataPath, None] = {}
        for rule in self.packages.get(ENTRY_PACKAGE, []):
            for branch in rule.branches:
                if branch.only_for is not None and request_type in branch.only_for:
                    for package in self.packages:
                        if package != ENTRY_PACKAGE and self._is_read(package, set(branch.reads)):
                            packages[package] = None
        return list(packages)


def read_rego(texts: Mapping[str, str]) -> Rego:
    """Read Rego pages, given as texts by their paths in the bundle.

    Raises `OpaNotAvailable`, and `BundleNotUsable` if a page is not Rego.
    """
    _parse(texts.values())
    return Rego(tuple(_page(file, text) for file, text in texts.items()))


def syntax_tree(text: str) -> Node:
    """Return the syntax tree of a page as `opa parse` writes it, with METADATA and locations, without other comments.

    Callers share the tree and must not change it. Raises `OpaNotAvailable`, and `BundleNotUsable` if it is not Rego.
    """
    _parse([text])
    tree, errors = _parsed[text]
    if errors:
        lines = "\n".join(f"line {error.row}: {error.message}" for error in errors)
        raise BundleNotUsable(f"OPA cannot read a page. Correct this:\n{lines}")
    return tree


def syntax_errors(texts: Mapping[str, str]) -> dict[str, list[RegoError]]:
    """List what keeps OPA from reading each page, [] for a page that is Rego, by their paths.

    Raises `OpaNotAvailable`.
    """
    _parse(texts.values())
    return {file: _parsed[text][1] for file, text in texts.items()}


# The syntax tree and the errors of each text that was parsed.
_parsed: dict[str, tuple[Node, list[RegoError]]] = {}


def _parse(texts: Iterable[str]) -> None:
    """Parse the texts that are new; OPA parses one page per run, so several run at once."""
    new = [text for text in dict.fromkeys(texts) if text not in _parsed]
    if new:
        opa_binary()
        with ThreadPoolExecutor() as pool:
            _parsed.update(zip(new, pool.map(_run_opa_parse, new), strict=True))


def _run_opa_parse(text: str) -> tuple[Node, list[RegoError]]:
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "page.rego").write_text(text, encoding="utf-8")
        arguments = ("parse", "--format=json", "--json-include=locations,-comments", "page.rego")
        done = opa_process(*arguments, where=Path(scratch))
    if not done.returncode:
        return json.loads(done.stdout), []
    errors = json.loads(done.stderr)["errors"]
    return None, [RegoError(each.get("location", {}).get("row", 1), each["message"]) for each in errors]


@dataclass(frozen=True)
class CompileError:
    """Something that keeps OPA from compiling a policy; an error of the whole bundle has the row 1."""

    file: str  # its path in the bundle
    row: int  # counted from 1
    message: str


def compile_errors(bundle: Path) -> list[CompileError]:
    """List what keeps OPA from compiling a directory, with `opa check --strict`; [] if it cannot parse a page.

    `bundle` contains what a bundle does, at the same paths. Raises `OpaNotAvailable`.
    """
    with deterministic_capabilities() as capabilities:
        options = ("--strict", "--bundle", "--format=json", "--max-errors=0", "--capabilities", capabilities)
        done = opa_process("check", *options, ".", where=bundle)
    if not done.returncode:
        return []
    errors = json.loads(done.stderr)["errors"]
    return [_compile_error(each, bundle) for each in errors if each.get("code") != "rego_parse_error"]


def _compile_error(error: Node, bundle: Path) -> CompileError:
    message = " ".join(error["message"].split()).removeprefix("bundle .: ")
    if location := error.get("location"):
        return CompileError(location["file"], location["row"], message)
    files = [path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()]
    return CompileError(max((file for file in files if file in message), key=len, default=".manifest"), 1, message)


@contextmanager
def deterministic_capabilities() -> Iterator[Path]:
    """Yield a file with the capabilities of OPA that the policy may use: nothing with the network, a clock or chance.

    Raises `OpaNotAvailable`.
    """
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "capabilities.json"
        file.write_text(_deterministic_capabilities(), encoding="utf-8")
        yield file


@cache
def _deterministic_capabilities() -> str:
    done = opa_process("capabilities", "--current")
    done.check_returncode()
    capabilities = json.loads(done.stdout)
    capabilities["builtins"] = [each for each in capabilities["builtins"] if not each.get("nondeterministic")]
    capabilities["allow_net"] = []
    return json.dumps(capabilities)


opa_binary = cache(find_opa)


def opa_process(*arguments: str | Path, where: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run OPA in a directory, and return how it ended and what it printed.

    Raises `OpaNotAvailable`, also if it takes longer than `OPA_SECONDS`.
    """
    opa = opa_binary()
    try:
        return subprocess.run(
            [opa, *arguments],
            cwd=where,
            env=opa_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=OPA_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise OpaNotAvailable(
            f"`opa {arguments[0]}` did not finish within {OPA_SECONDS:g} s and was stopped. Check whether the machine "
            f"is overloaded, and whether {opa} works."
        ) from None
    except OSError as problem:
        raise OpaNotAvailable(f"{opa} does not run: {problem.strerror}. Install OPA again.") from None


def run_opa(*arguments: str | Path, where: Path, name: str) -> bytes:
    """Run OPA in a directory and return its output. `name` is the name of what it reads, in messages.

    Raises `BundleNotUsable` if OPA reports a problem, and `OpaNotAvailable`.
    """
    done = opa_process(*arguments, where=where)
    if done.returncode:
        problem = done.stderr.decode(errors="replace").strip() or done.stdout.decode(errors="replace").strip()
        raise BundleNotUsable(f"{name} is not a bundle that OPA can use. Correct this:\n{problem}")
    return done.stdout


def text_at(node: Node) -> str:
    """Return the source text of a node."""
    return base64.b64decode(node["location"]["text"]).decode()


def texts_in(node: Node) -> list[str]:
    """List the strings in a part of a rule, in order."""
    return list(_values(node, "string"))


def names_in(node: Node) -> set[str]:
    """Return the variables in a part of a rule, including rules of its own page."""
    return set(_values(node, "var"))


def references_in(node: Node) -> list[DataPath]:
    """List the references to fields of a rule in the same page, such as ("determination", "outcome")."""
    return [path for path in _references(node) if len(path) > 1]


def fields_of(node: Node) -> list[tuple[str, Node]]:
    """List the fields and values of an object literal; [] for any other node."""
    if not isinstance(node, dict) or node.get("type") != "object":
        return []
    return [(key["value"], value) for key, value in node["value"] if key["type"] == "string"]


def _nodes(node: Node) -> Iterator[dict[str, Any]]:
    """Every object in a part of a tree, outer before inner."""
    if isinstance(node, list):
        for each in node:
            yield from _nodes(each)
    elif isinstance(node, dict):
        yield node
        for name, each in node.items():
            if name != "location":
                yield from _nodes(each)


def _references(node: Node) -> Iterator[DataPath]:
    for each in _nodes(node):
        if each.get("type") == "ref" and each["value"][0]["type"] == "var":
            first, *rest = each["value"]
            yield (first["value"], *_constants(rest))


@cache
def _page(file: str, text: str) -> Page:
    tree = syntax_tree(text)
    package = _constants(tree["package"]["path"][1:])
    about: Node = next(
        (each for each in tree.get("annotations", []) if each["scope"] in ("package", "subpackages")), {}
    )
    imports = {}
    for each in tree.get("imports", []):
        path = each["path"]["value"]
        imports[str(each.get("alias", path[-1]["value"]))] = path
    rules = tuple(_rule(file, package, each, imports) for each in tree.get("rules", []))
    return Page(
        file,
        package,
        about.get("title", file),
        about.get("description", ""),
        json.dumps(_without_locations(about), sort_keys=True),
        rules,
        (*_mentions(tree.get("imports", [])), *(mention for rule in rules for mention in rule.mentions)),
    )


def _rule(file: str, package: DataPath, tree: Node, imports: Mapping[str, Node]) -> RegoRule:
    plain = _plain(tree, imports)
    metadata = [each for each in tree.get("annotations", []) if each["scope"] in ("rule", "document")]
    row = int(tree["location"]["row"])
    return RegoRule(
        file,
        package,
        str(tree["head"].get("name") or tree["head"]["ref"][0]["value"]),
        bool(tree.get("default")),
        next((each["title"] for each in metadata if "title" in each), None),
        next((each["description"] for each in metadata if "description" in each), ""),
        json.dumps(_without_locations(metadata), sort_keys=True),
        json.dumps(plain, sort_keys=True),
        tuple(_branches(plain)),
        frozenset(_values(plain, "string")),
        frozenset(_values(plain, "var")),
        tuple(_mentions({name: each for name, each in tree.items() if name != "annotations"})),
        min([row, *(int(each["location"]["row"]) for each in metadata)]),
        row,
    )


def _without_locations(node: Node) -> Node:
    if isinstance(node, list):
        return [_without_locations(each) for each in node]
    if isinstance(node, dict):
        return {name: _without_locations(each) for name, each in node.items() if name != "location"}
    return node


def _plain(node: Node, imports: Mapping[str, Node]) -> Node:
    """A tree without METADATA and locations, with full paths for imports and one name for all generated variables."""
    if isinstance(node, list):
        return [_plain(each, imports) for each in node]
    if not isinstance(node, dict):
        return node
    if node.get("type") == "var":
        if node["value"] in imports:
            return {"type": "ref", "value": _without_locations(imports[node["value"]])}
        return {"type": "var", "value": "$" if node["value"].startswith("$") else node["value"]}
    if node.get("type") == "ref":
        first, *rest = node["value"]
        whole = imports.get(first["value"]) if first["type"] == "var" else None
        start = _without_locations(whole) if whole else [_plain(first, {})]
        return {"type": "ref", "value": [*start, *_plain(rest, imports)]}
    return {name: _plain(each, imports) for name, each in node.items() if name not in ("annotations", "location")}


def _values(node: Node, kind: str) -> Iterator[str]:
    return (each["value"] for each in _nodes(node) if each.get("type") == kind)


def _branches(rule: Node) -> Iterator[RuleBranch]:
    only = [types for each in rule["body"] if (types := _request_types(each)) is not None]
    own = {name: each for name, each in rule.items() if name != "else"}
    value = rule["head"].get("value") or rule["head"].get("key")
    yield RuleBranch(frozenset.intersection(*only) if only else None, frozenset(_reads(own)), value, rule["body"])
    if "else" in rule:
        yield from _branches(rule["else"])


REQUEST_TYPE = {
    "type": "ref",
    "value": [{"type": "var", "value": "input"}, {"type": "string", "value": "request_type"}],
}


def _request_types(expression: Node) -> frozenset[str] | None:
    """The request types that an expression allows, if it is `input.request_type == "…"` or `… in {"…", …}`."""
    terms = expression["terms"]
    if expression.get("negated") or expression.get("with") or not isinstance(terms, list) or len(terms) != 3:
        return None
    operator = ".".join(str(each["value"]) for each in terms[0]["value"]) if terms[0]["type"] == "ref" else ""
    others = [each for each in terms[1:] if each != REQUEST_TYPE]
    if len(others) != 1:
        return None
    if operator in ("equal", "eq") and others[0]["type"] == "string":
        return frozenset({others[0]["value"]})
    if operator == "internal.member_2" and terms[1] == REQUEST_TYPE and others[0]["type"] in ("set", "array"):
        names = others[0]["value"]
        if all(each["type"] == "string" for each in names):
            return frozenset(each["value"] for each in names)
    return None


def _reads(node: Node) -> Iterator[DataPath]:
    """The path of each reference to `data`, as far as it is fixed."""
    return (path[1:] for path in _references(node) if path[0] == "data")


def _constants(steps: Sequence[Node]) -> DataPath:
    constants: list[str] = []
    for step in steps:
        if step["type"] != "string":
            break
        constants.append(step["value"])
    return tuple(constants)


def _mentions(node: Node) -> Iterator[Mention]:
    for each in _nodes(node):
        target: str | DataPath | None = None
        if each.get("type") == "string":
            target = each["value"]
        elif each.get("type") == "ref" and each["value"][0].get("value") == "data":
            target = _constants(each["value"][1:])
        location = each.get("location")
        if target is not None and location:
            yield Mention(location["row"], location["col"], text_at(each), target)
