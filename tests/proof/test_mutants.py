"""The mutants that `make mutants` makes from small pages of Rego and data, and four errors that tests notice."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from proof import mutants
from proof.mutants import Equivalent, MutantReport, Results, Verdict
from proof.mutation import corpus, data, killers, rego
from proof.mutation.killers import POLICIES, ROOT
from proof.mutation.mutant import Mutant, Vocabularies
from therapy_policy.toolchain.opa import find_opa

VOCABULARIES = Vocabularies(ROOT / "schemas")

PAGE = """package page

default allow := false

# The page's only rule with two conditions.
allow if {
	input.units <= 4
	not denied
}

denied if input.tier in {"acute", "nonacute"}

else if input.benefit == "covered"

all_small if {
	every line in input.lines {
		line.units < 2
	}
}
"""

TABLE = """\
# A comment.
limit:
  title: The most
  periods:
    - from: "2022-03-01"
      value: 4
    - from: "2024-02-29"
      value:
        acute: [fracture, new_stroke]
        "97530": {add_on_to: null}
"""


def edits(mutants: list[Mutant], text: str) -> set[tuple[str, str, str]]:
    return {(mutant.operator, *mutant.lines(text)) for mutant in mutants}


@pytest.fixture(scope="module")
def edits_of_page() -> set[tuple[str, str, str]]:
    return edits(rego.mutants("page.rego", PAGE, rego.parse(PAGE), VOCABULARIES), PAGE)


@pytest.mark.parametrize(
    ("operator", "was", "becomes"),
    [
        ("default flipped", "default allow := false", "default allow := true"),
        ("comparison changed", "input.units <= 4", "input.units < 4"),
        ("comparison changed", "input.units <= 4", "input.units > 4"),
        ("constant ±1", "input.units <= 4", "input.units <= 5"),
        ("constant ±1", "input.units <= 4", "input.units <= 3"),
        ("`and` weakened", "input.units <= 4", "true"),
        ("`and` weakened", "not denied", "true"),
        ("negation dropped", "not denied", "denied"),
        ("element removed", 'denied if input.tier in {"acute", "nonacute"}', 'denied if input.tier in {"nonacute"}'),
        ("element removed", 'denied if input.tier in {"acute", "nonacute"}', 'denied if input.tier in {"acute"}'),
        (
            "string changed",
            'else if input.benefit == "covered"',
            'else if input.benefit == "not_covered"',
        ),
        ("condition dropped", 'else if input.benefit == "covered"', "else if true"),
        ("else branch removed", 'else if input.benefit == "covered"', ""),
        ("else branch removed", 'denied if input.tier in {"acute", "nonacute"}', "denied if false"),
        ("condition dropped", "line.units < 2", "true"),
        (
            "rule removed",
            "# The page's only rule with two conditions.\nallow if {\ninput.units <= 4\nnot denied\n}",
            "",
        ),
        (
            "every to some",
            "every line in input.lines {\nline.units < 2\n}",
            "some line in input.lines\nline.units < 2",
        ),
    ],
)
def test_an_edit_of_rego(edits_of_page: set[tuple[str, str, str]], operator: str, was: str, becomes: str) -> None:
    assert (operator, was, becomes) in edits_of_page


def test_names_of_rules_and_fields_stay(edits_of_page: set[tuple[str, str, str]]) -> None:
    words = {word for _, _, becomes in edits_of_page for word in re.findall(r"[a-z_]+", becomes)}
    assert {word for word in words if word.endswith("_")} == set()


def test_a_mutant_adds_a_name_that_requests_can_have() -> None:
    assert VOCABULARIES.addition(["covered", "not_covered"]) == "unverified"
    assert VOCABULARIES.addition(["acute", "nonacute"]) is None


@pytest.mark.parametrize(
    ("operator", "was", "becomes"),
    [
        ("constant ±1", "value: 4", "value: 5"),
        ("constant ±1", "value: 4", "value: 3"),
        ("date shifted by a day", '- from: "2022-03-01"', '- from: "2022-02-28"'),
        ("date shifted by a day", '- from: "2024-02-29"', '- from: "2024-03-01"'),
        ("element removed", "acute: [fracture, new_stroke]", "acute: [new_stroke]"),
        ("element removed", "acute: [fracture, new_stroke]", "acute: [fracture]"),
        ("element added", "acute: [fracture, new_stroke]", "acute: [fracture, new_stroke, new_post_operative]"),
        ("string changed", "acute: [fracture, new_stroke]", 'acute: ["new_stroke", new_stroke]'),
        ("element removed", "acute: [fracture, new_stroke]", ""),
        ("element removed", '- from: "2022-03-01"\nvalue: 4', ""),
        ("string changed", '"97530": {add_on_to: null}', '"97530": {add_on_to: x}'),
    ],
)
def test_an_edit_of_parameters(operator: str, was: str, becomes: str) -> None:
    assert (operator, was, becomes) in edits(data.mutants_of_parameters("data.yaml", TABLE, VOCABULARIES), TABLE)


def test_titles_stay() -> None:
    made = edits(data.mutants_of_parameters("data.yaml", TABLE, VOCABULARIES), TABLE)
    assert "title: The most" not in {was for _, was, _ in made}


# --- Four errors that a person could make ----------------------------------------------------------------------------

PARAMETERS, CLAIM = "therapy/parameters/data.yaml", "therapy/pediatric_ot/claim.rego"
PLANTED = {
    "four units to five": (PARAMETERS, "constant ±1", "value: 4", "value: 5"),
    "a procedure code added": (
        PARAMETERS,
        "element added",
        "",
        '"97531": {clause: OT-5, service: "teaching everyday skills, such as dressing and bathing"}',
    ),
    "a `not` dropped": (CLAIM, "negation dropped", "not _listed[line.procedure_code]", "_listed[line.procedure_code]"),
    "the first of June to the second": (
        PARAMETERS,
        "date shifted by a day",
        '- from: "2022-06-01"',
        '- from: "2022-06-02"',
    ),
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> killers.Workspace:
    return killers.Workspace.create(tmp_path_factory.mktemp("mutants") / "worker", find_opa())


@pytest.fixture(scope="module")
def rego_tests(workspace: killers.Workspace) -> killers.RegoTests:
    return killers.RegoTests(workspace)


def test_a_page_that_reads_another_test_page_has_the_same_values_alone(
    workspace: killers.Workspace, rego_tests: killers.RegoTests
) -> None:
    reading = [package for package in rego_tests.files if rego_tests.needs[package] & rego_tests.files.keys()]
    assert reading
    for package in reading:
        values = rego_tests.values(workspace, [package])
        assert values
        assert values == {name: rego_tests.before[name] for name in values}


@pytest.mark.parametrize(("file", "operator", "was", "becomes"), PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_error_is_noticed_by_the_rego_tests_alone(
    workspace: killers.Workspace, rego_tests: killers.RegoTests, file: str, operator: str, was: str, becomes: str
) -> None:
    mutant = the_mutant(file, operator, was, becomes)
    with workspace.with_mutant(mutant):
        assert not killers.is_stillborn(workspace)
        noticed = rego_tests.notice(workspace, mutant)
    assert noticed is not None
    package, _, test = noticed.rpartition(".")
    assert package.startswith("data.therapy.")
    assert package.endswith("_test")
    assert test.startswith("test_")


def the_mutant(file: str, operator: str, was: str, becomes: str) -> Mutant:
    """The first mutant with this edit, which the operators must continue to make. A later period may have another."""
    text = mutants.text_of(file)
    return next(
        mutant
        for mutant in mutants.all_mutants(find_opa())
        if mutant.file == file and mutant.operator == operator and mutant.lines(text) == (was, becomes)
    )


def test_an_edit_that_changes_nothing_is_not_noticed(
    workspace: killers.Workspace, rego_tests: killers.RegoTests
) -> None:
    mutant = Mutant(PARAMETERS, "none", 0, 0, "# One comment more.\n")
    with workspace.with_mutant(mutant):
        assert rego_tests.first_failure(workspace, list(rego_tests.files)) is None


def test_an_edit_that_does_not_compile_is_stillborn(workspace: killers.Workspace) -> None:
    with workspace.with_mutant(Mutant(CLAIM, "none", 0, 0, "pack ")):
        assert killers.is_stillborn(workspace)
    assert not killers.is_stillborn(workspace)


# --- The report and the results -------------------------------------------------------------------------------------


def test_without_a_mutant_the_oracle_decides_the_corpus_alike(workspace: killers.Workspace, tmp_path: Path) -> None:
    test = mutants.Run(workspace.opa, Results(tmp_path / "results")).corpus_test(workspace, tmp_path, examples=5)
    assert sum(map(len, test.before)) > 1_000
    other = [
        [each | {"decision": each["decision"] | {"outcome": "other"}} for each in test.before[0]],
        *test.before[1:],
    ]
    differences = list(corpus.disagreements(corpus.as_json(5), other))
    assert len(differences) == len(test.before[0])


def test_a_survivor_is_listed_unless_it_is_known_to_be_equivalent() -> None:
    four = the_mutant(*PLANTED["four units to five"])
    date = the_mutant(*PLANTED["the first of June to the second"])
    gone = the_mutant(*PLANTED["a `not` dropped"])
    known = Equivalent(PARAMETERS, "units_per_visit:", "value: 4", "value: 5", "because")
    verdicts = {four: Verdict("survived"), date: Verdict("survived"), gone: Verdict("Rego tests", "test_x")}
    report = MutantReport(verdicts, [known], whole=True)
    assert report.surviving == [date]
    assert report.stale == []
    assert report.scores() == {"Rego tests": 0.5, "suite": 0.5}


def test_an_equivalent_that_no_longer_survives_is_stale_but_only_in_a_whole_run() -> None:
    four = the_mutant(*PLANTED["four units to five"])
    known = Equivalent(PARAMETERS, "units_per_visit:", "value: 4", "value: 5", "because")
    verdicts = {four: Verdict("Rego tests", "test_x")}
    assert MutantReport(verdicts, [known], whole=True).stale == [known]
    assert MutantReport(verdicts, [known], whole=False).stale == []


def test_every_known_equivalent_says_why() -> None:
    for entry in mutants.equivalents():
        assert entry.because.endswith(".")
        assert (POLICIES / entry.file).is_file()


def test_the_results_of_an_interrupted_run_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "build/results.jsonl"
    Results(path).add("one", Verdict("suite", "corpus: 3 of 4 decisions differ"))
    with path.open("a", encoding="utf-8") as file:
        file.write('{"key": "two", "kil')
    assert Results(path).known == {"one": Verdict("suite", "corpus: 3 of 4 decisions differ")}


def test_a_file_that_is_not_mutated_is_an_error_that_names_those_that_are() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "proof.mutants", "--only", "nothing.rego"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "therapy/decision.rego" in done.stderr
