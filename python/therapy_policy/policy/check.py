"""Whether a policy can be used: `therapy-policy check`.

Whatever builds, loads or compares a policy asks this first. It reads the YAML files with their lines, compares the data
with the published schemas and the ceiling (`therapy_policy.data_check`), compares the reason codes with the rules that
give them, and has OPA compile the rules. It lists all findings, and changes nothing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from therapy_policy.data_check import (
    DOCUMENTS,
    Finding,
    Problem,
    Schemas,
    finding_in_data,
    findings_in_data,
    is_early,
    near_word,
    packaged_ceiling,
    packaged_schemas,
    problems_of,
    problems_of_ceiling,
)
from therapy_policy.errors import BundleNotUsable
from therapy_policy.policy.rego import (
    CompileError,
    DataPath,
    Node,
    Rego,
    RegoRule,
    compile_errors,
    fields_of,
    opa_binary,
    read_rego,
    syntax_errors,
)
from therapy_policy.policy.yaml_lines import YamlFile, read_yaml

__all__ = ["Finding", "check_bundle", "check_directory"]

CEILING = "ceiling.yaml"
GENERATED_CEILING = "therapy/ceiling/data.json"
GENERATED = (
    GENERATED_CEILING,
    "therapy/request/data.json",
    "therapy/lib/calendar/data.json",
    "therapy/lib/whole_number/data.json",
)
FILES = {name: f"therapy/{'/'.join(map(str, path))}/data.yaml" for name, path in DOCUMENTS.items()}
DATA_FILES = (CEILING, *FILES.values(), *GENERATED)
CODES: tuple[str, ...] = ("register", "reason_codes")


class CompiledPolicy(Protocol):
    """The parts of a bundle that are checked."""

    @property
    def texts(self) -> Mapping[str, str]: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


def check_bundle(bundle: CompiledPolicy) -> list[Finding]:
    """List everything in a compiled bundle that cannot be used, by the schemas and the ceiling of this package.

    Raises `OpaNotAvailable`.
    """
    in_rules = problems_of_codes(bundle.data["therapy"], dict(bundle.texts))
    return [
        *findings_in_data(bundle.data),
        *(each if isinstance(each, Finding) else finding_in_data(each) for each in in_rules),
    ]


def check_directory(policies: Path, *, name: str | None = None, generated: bool = True) -> list[Finding]:
    """List everything in a directory of policies that cannot be used, in the order of files and lines.

    `name` is the name of the directory in the findings; by default its path, relative to the working directory.
    `generated` is False before `make generate` writes the generated files: the ceiling's is not compared with its
    source, and the rules, which use the generated ones, are not compiled.

    Raises `BundleNotUsable` if the directory does not contain policies, and `OpaNotAvailable`.
    """
    if not (policies / "therapy").is_dir():
        raise BundleNotUsable(
            f"{name or policies} has no directory `therapy` of policies. Give the directory that contains it."
        )
    findings = _Directory(policies, name or _displayed(policies)).findings(generated)
    return sorted(set(findings), key=lambda each: (each.file, each.line, each.message))


def schemas_beside(policies: Path) -> Schemas:
    """Return the schemas in the repository of a directory of policies or, if it has none, those of this package."""
    schemas = policies.resolve().parent / "schemas"
    if not (schemas / "policy/parameters.json").is_file():
        return packaged_schemas()
    return Schemas(lambda name: json.loads((schemas / name).read_text(encoding="utf-8")))


def ceiling_for_rules(ceiling: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ceiling as the rules read it, the content of therapy/ceiling/data.json."""
    return {
        **{name: ceiling[name]["most"] for name in ("units_per_visit", "evaluation_visits", "treatment_visits")},
        "procedure_codes": {code: entry.get("add_on_to") for code, entry in ceiling["procedure_codes"].items()},
    }


def _displayed(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


# --- The files --------------------------------------------------------------------------------------------------------


class _Directory:
    def __init__(self, policies: Path, name: str) -> None:
        self.policies = policies
        self.name = name
        self.schemas = schemas_beside(policies)
        self.files: dict[str, YamlFile] = {}  # by their paths below `policies`
        for file in (CEILING, *FILES.values()):
            if (policies / file).is_file():
                self.files[file] = read_yaml((policies / file).read_bytes())
        self.therapy: dict[str, Any] = {"register": {}}
        for document, path in DOCUMENTS.items():
            content = self.files.get(FILES[document])
            if content is not None and content.value is not None:
                (self.therapy if len(path) == 1 else self.therapy["register"])[document] = content.value

    def findings(self, generated: bool) -> Iterator[Finding]:
        opa_binary()  # once, before several threads look for it
        with ThreadPoolExecutor(1) as pool:
            compiled = pool.submit(self.compile_errors) if generated else None
            yield from self.findings_in_files(generated)
            for error in compiled.result() if compiled else ():
                yield self.finding(error.file, error.row, f"OPA cannot compile this: {error.message}.")

    def findings_in_files(self, generated: bool) -> Iterator[Finding]:
        for file, content in self.files.items():
            yield from (self.finding(file, slip.line, slip.message) for slip in content.slips)
        yield from self.missing_files()
        yield from self.unknown_files()
        ceiling = self.files[CEILING].value if CEILING in self.files else packaged_ceiling()
        if CEILING in self.files and ceiling is not None:
            problems = problems_of_ceiling(ceiling, self.schemas)
            yield from (self.at(CEILING, problem.path, problem.message) for problem in problems)
            if generated and not problems:
                yield from self.stale_files(ceiling)
        # With a ceiling that cannot be read, nothing is compared with it.
        known_ceiling = ceiling if isinstance(ceiling, dict) else {}
        for problem in problems_of(self.therapy, known_ceiling, self.schemas, keys_in_order=True):
            yield from self.in_document(problem)
        for each in problems_of_codes(self.therapy, self.texts()):
            if isinstance(each, Finding):
                yield self.finding(each.file, each.line, each.message)
            else:
                yield from self.in_document(each)

    def compile_errors(self) -> list[CompileError]:
        """What keeps OPA from compiling the rules, with the data that can be read."""
        with tempfile.TemporaryDirectory() as scratch:
            copied = Path(scratch)
            for file, text in self.texts().items():
                (copied / file).parent.mkdir(parents=True, exist_ok=True)
                (copied / file).write_text(text, encoding="utf-8")
            (copied / "data.json").write_text(json.dumps({"therapy": self.therapy}), encoding="utf-8")
            for file in (".manifest", *GENERATED):
                if (self.policies / file).is_file():
                    (copied / file).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(self.policies / file, copied / file)
            return compile_errors(copied)

    def finding(self, file: str, line: int, message: str) -> Finding:
        return Finding(f"{self.name}/{file}", line, message)

    def at(self, file: str, path: tuple[str | int, ...], message: str) -> Finding:
        return self.finding(file, self.files[file].line(path), message)

    def in_document(self, problem: Problem) -> Iterator[Finding]:
        name = str(problem.path[0] if problem.path[0] in DOCUMENTS else problem.path[1])
        content = self.files.get(FILES[name])
        if content is not None and content.value is not None:  # else the file itself is a finding
            yield self.at(FILES[name], problem.path[len(DOCUMENTS[name]) :], problem.message)

    def missing_files(self) -> Iterator[Finding]:
        early = is_early(self.therapy)
        may_be_missing = {CEILING, FILES["episode"], FILES["source"]} if early else set()
        for file in (CEILING, *FILES.values()):
            if file not in self.files and file not in may_be_missing:
                yield self.finding(file, 1, "The file is missing. Restore it.")

    def unknown_files(self) -> Iterator[Finding]:
        for path in sorted(self.policies.rglob("*")):
            file = path.relative_to(self.policies).as_posix()
            if path.is_file() and path.suffix in (".yaml", ".yml", ".json") and file not in DATA_FILES:
                message = f"Nothing reads this file. {near_word(file, DATA_FILES)}Move it out of the policies."
                yield self.finding(file, 1, message)

    def stale_files(self, ceiling: Mapping[str, Any]) -> Iterator[Finding]:
        path = self.policies / GENERATED_CEILING
        if not path.is_file():
            return
        wanted = ceiling_for_rules(ceiling)
        try:
            stale = json.loads(path.read_text(encoding="utf-8")) != wanted
        except ValueError:
            return  # a finding of OPA
        if stale:
            remedy = (
                f"Run `make generate`, which writes it from {CEILING}."
                if (self.policies.resolve().parent / "Makefile").is_file()
                else f"Replace what is in it with this: {json.dumps(wanted, sort_keys=True)}"
            )
            yield self.finding(
                GENERATED_CEILING, 1, f"The rules read the ceiling here, and this differs from {CEILING}. {remedy}"
            )

    def texts(self) -> dict[str, str]:
        """The Rego pages, without tests, by their paths below `policies`."""
        pages = (path for path in sorted(self.policies.rglob("*.rego")) if not path.name.endswith("_test.rego"))
        return {path.relative_to(self.policies).as_posix(): path.read_text("utf-8", "replace") for path in pages}


# --- The rules and the reason codes -----------------------------------------------------------------------------------

BRACES = re.compile(r"\{([^{}]*)\}")


def problems_of_codes(therapy: Mapping[str, Any], texts: Mapping[str, str]) -> Iterator[Problem | Finding]:
    """Compare the reason codes with the rules that give them: problems of the register, and findings in Rego pages."""
    errors = syntax_errors(texts)
    for file in texts:
        yield from (Finding(file, error.row, f"OPA cannot read this: {error.message}.") for error in errors[file])
    # The rules of the sidecar's log and access give no reasons.
    texts = {file: text for file, text in texts.items() if file.startswith("therapy/")}
    rego = read_rego({file: text for file, text in texts.items() if not errors[file]})
    register = therapy.get("register", {}).get("reason_codes")
    if not isinstance(register, dict):
        return
    for page in rego.pages:
        for mention in page.mentions:
            if isinstance(mention.target, str) and _is_code(mention.target) and mention.target not in register:
                yield Finding(
                    page.file,
                    mention.row,
                    f"`{mention.target}` is not in the register `reason_codes`. {near_word(mention.target, register)}"
                    "Correct the code, or add it to the register.",
                )
    reasons = _Reasons(rego)
    for code, entry in register.items():
        rules = [rule for rule in rego.rules if code in rule.texts]
        if not rules and len(rego.pages) == len(texts):
            yield Problem((*CODES, code), f"`{code}` has no rule that gives it. Add the rule, or remove the code.")
        for name in ("message", "remedy"):
            words = entry.get(name) if isinstance(entry, dict) else None
            if isinstance(words, str) and rules:
                for problem in reasons.problems(code, words, rules):
                    yield Problem((*CODES, code, name), f"`{name}` {problem}")


def _is_code(text: str) -> bool:
    return text.isupper() and "_" in text


@dataclass(frozen=True)
class _Facts:
    """The names of the facts that one place in a rule gives with a code."""

    place: str
    names: frozenset[str]


class _Reasons:
    """The facts that rules give with each code."""

    def __init__(self, rego: Rego) -> None:
        trees = [(rule, json.loads(rule.content)) for rule in rego.rules]
        self.trees: dict[tuple[str, int], Node] = {(rule.file, rule.row): tree for rule, tree in trees}
        # A function that returns a reason, such as reason.with_facts: its arguments and the object that it returns.
        self.makers: dict[DataPath, tuple[list[Node], dict[str, Node]]] = {}
        for rule, tree in trees:
            fields = dict(fields_of(tree["head"].get("value")))
            if "code" in fields and "args" in tree["head"]:
                self.makers[(*rule.package, rule.name)] = (tree["head"]["args"], fields)

    def problems(self, code: str, text: str, rules: list[RegoRule]) -> Iterator[str]:
        outside = BRACES.sub("", text)
        if "{" in outside or "}" in outside:
            yield "has a brace without its partner."
        given = [facts for rule in rules for facts in self.facts(code, rule)]
        for name in dict.fromkeys(BRACES.findall(text)):
            for facts in given:
                if name not in facts.names:
                    choice = f"Its facts: {', '.join(sorted(facts.names))}." if facts.names else "It gives no facts."
                    yield (
                        f"has {{{name}}}, which the rule in {facts.place} does not give. "
                        f"{near_word(name, facts.names)}{choice}"
                    )
                    break

    def facts(self, code: str, rule: RegoRule) -> Iterator[_Facts]:
        """The facts at each place of a rule that gives a code; if one cannot be read, all names in the rule."""
        place = f"{rule.file}:{rule.row}"
        tree = self.trees[rule.file, rule.row]
        for node in _nodes(tree):
            fields = dict(fields_of(node))
            if "code" in fields and _is_text(fields["code"], code):
                yield _Facts(place, self.names(fields.get("facts"), tree))
            call = node.get("value") if node.get("type") == "call" else node.get("terms")
            if isinstance(call, list) and any(_is_text(argument, code) for argument in call[1:]):
                maker = self.makers.get(_called(call[0], rule.package))
                if maker is not None:
                    facts = maker[1].get("facts")
                    yield _Facts(
                        place, self.names(call[1 + maker[0].index(facts)] if facts in maker[0] else facts, tree)
                    )

    def names(self, facts: Node, tree: Node) -> frozenset[str]:
        if facts is None:
            return frozenset()
        if fields := fields_of(facts):
            return frozenset(name for name, _ in fields)
        return frozenset(name for node in _nodes(tree) for name, _ in fields_of(node))


def _nodes(node: Node) -> Iterator[dict[str, Any]]:
    if isinstance(node, list):
        for each in node:
            yield from _nodes(each)
    elif isinstance(node, dict):
        yield node
        for each in node.values():
            yield from _nodes(each)


def _is_text(node: Node, text: str) -> bool:
    return isinstance(node, dict) and node.get("type") == "string" and node.get("value") == text


def _called(function: Node, package: DataPath) -> DataPath:
    """The path of a function that a rule calls, as it is or in its own package."""
    if not isinstance(function, dict) or function.get("type") != "ref":
        return ()
    names = tuple(str(step["value"]) for step in function["value"])
    return names[1:] if names[0] == "data" else (*package, *names)
