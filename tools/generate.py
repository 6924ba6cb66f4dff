"""`make generate`: writes every generated file of the repository, the same bytes from the same sources.

What is written once in policies/ and schemas/ is turned here into what else needs it: the validators in Rego and the
tables that they look things up in, one schema for each request type, the manifest, the page of reason codes in docs/,
the compiled bundle that the Python package ships, the FHIR Questionnaires, and the style sheet of the review.
"""

from __future__ import annotations

import argparse
import calendar
import datetime
import filecmp
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from therapy_policy.policy.archives import files_in
from therapy_policy.policy.bundles import Bundle, build
from therapy_policy.policy.check import ceiling_for_rules, check_directory
from therapy_policy.toolchain.node import find_node, installed
from therapy_policy.toolchain.opa import find_opa
from tools.questionnaires import questionnaires
from tools.validators import Validators

ROOT = Path(__file__).resolve().parent.parent
GLOSSARY = Path("python/therapy_policy/review/glossary.md")
THEME = Path("python/therapy_policy/review/theme")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a generated file is not fresh")
    check = parser.parse_args().check
    if findings := check_directory(ROOT / "policies", generated=False):
        print(*findings, "the policy cannot be used; correct these findings first", sep="\n", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch) / "fresh"
        copy_sources(fresh)
        made = generate(fresh)
        stale = [path for path in made if not same(fresh / path, ROOT / path)]
        for path in stale:
            print(f"{'not fresh' if check else 'written'}: {path}", file=sys.stderr)
            if not check:
                (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(fresh / path, ROOT / path)
    print(f"{len(made)} generated files, {len(stale)} {'not fresh' if check else 'written anew'}", file=sys.stderr)
    if check and stale:
        print("run `make generate` and commit what it writes", file=sys.stderr)
        return 1
    return 0


def copy_sources(fresh: Path) -> None:
    for part in ("policies", "schemas", THEME):
        shutil.copytree(ROOT / part, fresh / part)
    shutil.copyfile(ROOT / GLOSSARY, fresh / GLOSSARY)


def same(new: Path, old: Path) -> bool:
    return old.is_file() and filecmp.cmp(new, old, shallow=False)


def generate(root: Path) -> list[Path]:
    """Generates everything below `root`, which holds the sources; returns the generated files, relative to it."""
    opa = find_opa()
    made = [*schemas(root), *validators(root), *tables(root), ceiling(root)]
    subprocess.run([opa, "fmt", "--write", root / "policies/therapy/request"], check=True)
    made += [manifest(root), reason_codes(root), glossary(root)]
    return [*made, *bundles(root), *check_files(root), *forms(root), style(root)]


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def write_json(path: Path, value: Any, *, indent: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8")


def write_tables(path: Path, tables: dict[str, Any]) -> None:
    """Write tables as JSON: one entry a line, but look-up tables, whose entries say nothing by themselves, in one."""
    lines = []
    for name, table in tables.items():
        if not isinstance(table, dict):
            lines.append(f" {json.dumps(name)}: {json.dumps(table)}")
            continue
        entries = [f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()]
        plain = all(value is True for value in table.values())
        value = json.dumps(table) if plain else "{\n" + ",\n".join(entries) + "\n }"
        lines.append(f" {json.dumps(name)}: {value}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def schemas(root: Path) -> list[Path]:
    """One schema for each request type, whole in itself, out of schemas/request.json."""
    whole = json.loads((root / "schemas/request.json").read_text(encoding="utf-8"))
    made = []
    for name in whole["properties"]["request_type"]["enum"]:
        needed = definitions_of(whole["definitions"][name], whole["definitions"])
        schema = {
            "$schema": whole["$schema"],
            "$comment": "Generated from request.json by `make generate`; do not edit.",
            **whole["definitions"][name],
            "definitions": {key: whole["definitions"][key] for key in whole["definitions"] if key in needed},
        }
        made.append(Path(f"schemas/{name}.json"))
        write_json(root / made[-1], schema, indent=2)
    return made


def definitions_of(schema: Any, definitions: dict[str, Any]) -> set[str]:
    """The names of all definitions that a schema refers to, directly or not."""
    if isinstance(schema, list):
        return set().union(*(definitions_of(each, definitions) for each in schema))
    if not isinstance(schema, dict):
        return set()
    found = set().union(*(definitions_of(each, definitions) for each in schema.values()))
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/definitions/")
        found |= {name} | definitions_of(definitions[name], definitions)
    return found


def validators(root: Path) -> list[Path]:
    """What the policy reads of schemas/request.json: two ways to validate a request, and where its free texts are."""
    readings = Validators(json.loads((root / "schemas/request.json").read_text(encoding="utf-8")))
    where = Path("policies/therapy/request")
    rego = {where / "well_formed.rego": readings.well_formed(), where / "free_texts.rego": readings.free_texts()}
    table = where / "data.json"
    (root / where).mkdir(parents=True, exist_ok=True)
    for path, text in rego.items():
        (root / path).write_text(text, encoding="utf-8")
    write_tables(
        root / table,
        {
            "forms": readings.forms,
            "date_fields": readings.date_fields(),
            "most_unknown_fields": readings.most_unknown_fields,
            "fields": dict.fromkeys(readings.fields(), True),
            "plain_fields": dict.fromkeys(readings.plain_fields(), True),
            "types_without_free_text": dict.fromkeys(readings.types_without_free_text(), True),
            "whole_numbers": readings.whole_numbers(),
        },
    )
    return [*rego, table]


def tables(root: Path) -> list[Path]:
    """The calendar, and the whole numbers as they may be written."""
    years = {str(year): "leap" if calendar.isleap(year) else "common" for year in range(1900, 2100)}
    days = {"common": days_of(2023), "leap": days_of(2024)}
    by_text = {"-0": 0, "-0.0": 0}
    for number in range(1000):
        by_text |= {f"{number}": number, f"{number}.0": number}
    made = [Path("policies/therapy/lib/calendar/data.json"), Path("policies/therapy/lib/whole_number/data.json")]
    write_json(root / made[0], {"years": years, "days": days})
    write_json(root / made[1], {"by_text": by_text})
    return made


def days_of(year: int) -> dict[str, bool]:
    first = datetime.date(year, 1, 1).toordinal()
    return {
        f"{datetime.date.fromordinal(first + n):-%m-%d}": True for n in range(366 if calendar.isleap(year) else 365)
    }


def ceiling(root: Path) -> Path:
    """The ceiling as the rules read it: the numbers, and each procedure code with the code that it is an add-on to."""
    made = Path("policies/therapy/ceiling/data.json")
    write_json(root / made, ceiling_for_rules(read_yaml(root / "policies/ceiling.yaml")), indent=1)
    return made


def manifest(root: Path) -> Path:
    """The manifest, whose revision is the version of the policy and the digest of what decides."""
    made, archive = Path("policies/.manifest"), root / "unnamed.tar.gz"
    write_json(root / made, {"revision": "", "roots": ["therapy", "system"]}, indent=2)
    build(".", root / "policies", archive)
    revision = Bundle("policies", archive.read_bytes(), b"").revision
    write_json(root / made, {"revision": revision, "roots": ["therapy", "system"]}, indent=2)
    return made


REASON_CODES = """\
# Reason codes

<!-- Generated by `make generate` from policies/therapy/register/reason_codes/data.yaml; do not edit. -->

Every reason that a decision of policy {version} can give, in the order in which decisions list them. In a message, a
name in braces is replaced with the number or word that decided the request.

- **effect** is what the reason does: `invalid` (the request was not evaluated), `scope` (these rules do not apply),
  `deny`, `pend`, or `info` (no effect on the outcome). It applies to the whole request unless the table names a line
  or units.
- **clauses** are the [clauses of the source]({policies}/register/clauses/data.yaml) that the reason is based on.
  Where a rule chooses between clauses, the decision names only the one that applied.
- **interpretation** is the [choice of this project]({policies}/register/interpretations/data.yaml) that the reason
  depends on, where the source is silent.

| code | effect | clauses | interpretation | message | how to resolve |
| --- | --- | --- | --- | --- | --- |
{rows}
"""


def reason_codes(root: Path) -> Path:
    """The page of reason codes."""
    therapy = root / "policies/therapy"
    codes = read_yaml(therapy / "register/reason_codes/data.yaml")
    rows = []
    for code, entry in sorted(codes.items(), key=lambda item: int(item[1]["order"])):
        effect = entry["effect"] + (f" ({entry['applies_to']})" if "applies_to" in entry else "")
        remedy = entry["remedy"] or entry.get("no_remedy_because") or "–"
        cells = [f"`{code}`", effect, ", ".join(entry["clauses"]) or "–", entry["interpretation"] or "–"]
        rows.append(f"| {' | '.join([*cells, entry['message'], remedy])} |")
    made = Path("docs/reason-codes.md")
    (root / made).parent.mkdir(parents=True, exist_ok=True)
    version = read_yaml(therapy / "register/policy/data.yaml")["version"]
    page = REASON_CODES.format(version=version, policies="../policies/therapy", rows="\n".join(rows))
    (root / made).write_text(page, encoding="utf-8")
    return made


def glossary(root: Path) -> Path:
    """The glossary of the documents, a copy of the one that the site shows."""
    copy = Path("docs/glossary.md")
    heading, _, rest = (root / GLOSSARY).read_text(encoding="utf-8").partition("\n")
    (root / copy).parent.mkdir(exist_ok=True)
    (root / copy).write_text(
        f"{heading}\n\n<!-- Generated from {GLOSSARY} by `make generate`; do not edit. -->\n{rest}", encoding="utf-8"
    )
    return copy


def bundles(root: Path) -> list[Path]:
    """The bundle, and what decides by it in the sidecar and in the embedded engine, as data of the Python package."""
    package = Path("python/therapy_policy/policy/packaged")
    (root / package).mkdir(parents=True)
    build(".", root / "policies", root / package / "bundle.tar.gz")
    build(".", root / "policies", root / "compiled.tar.gz", "--target", "wasm")
    compiled = files_in((root / "compiled.tar.gz").read_bytes())
    made = {
        "sidecar.tar.gz": Bundle("policies", (root / package / "bundle.tar.gz").read_bytes(), b"").archive_for_opa(),
        "policy.wasm": compiled["policy.wasm"],
        "data.json": compiled["data.json"],
        "request.schema.json": (root / "schemas/request.json").read_bytes(),
    }
    for name, content in made.items():
        (root / package / name).write_bytes(content)
    return [package / name for name in ("bundle.tar.gz", *made)]


def check_files(root: Path) -> list[Path]:
    """The schemas and the ceiling by which the Python package checks a policy and the records about it."""
    package = Path("python/therapy_policy/policy/packaged")
    schemas = [
        "schemas/decision.json",
        *sorted(f"schemas/policy/{path.name}" for path in root.glob("schemas/policy/*")),
    ]
    for name in schemas:
        (root / package / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, root / package / name)
    write_json(root / package / "ceiling.json", read_yaml(root / "policies/ceiling.yaml"), indent=2)
    return [package / name for name in (*schemas, "ceiling.json")]


def forms(root: Path) -> list[Path]:
    """The FHIR Questionnaires, as data of the Python package."""
    schema = json.loads((root / "schemas/request.json").read_text(encoding="utf-8"))
    version = read_yaml(root / "policies/therapy/register/policy/data.yaml")["version"]
    made = []
    for name, content in questionnaires(schema, version).items():
        made.append(Path(f"python/therapy_policy/policy/packaged/questionnaires/{name}.json"))
        write_json(root / made[-1], content, indent=2)
    return made


def style(root: Path) -> Path:
    """The style sheet of the review: USWDS with our theme, each of its images as a data URL."""
    made, packages = Path("python/therapy_policy/review/style.css"), installed(project=ROOT / THEME)
    uswds = packages / "@uswds/uswds"
    options = ["--style=compressed", "--no-charset", "--no-source-map", "--quiet-deps", f"--load-path={uswds}/packages"]
    files = [root / THEME / "style.scss", root / made]
    subprocess.run([find_node(), packages / "sass/sass.js", *options, *files], check=True)

    def as_data(image: re.Match[str]) -> str:
        svg = (uswds / "dist/img" / image[1]).read_text(encoding="utf-8").strip()
        return f'url("data:image/svg+xml,{quote(svg, safe="/:=; ()")}")'

    css = (root / made).read_text(encoding="utf-8")
    (root / made).write_text(re.sub(r'url\("img/([^"]+)"\)', as_data, css), encoding="utf-8")
    return made


if __name__ == "__main__":
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    raise SystemExit(main())
