"""`therapy-policy source-check`: what changed on a page since the review, on invented pages."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from bs4 import BeautifulSoup

from tests.cli.command import ROOT, one_error, run

# Each paragraph of the page, the words that are compared, and its clauses. The first paragraph is its only heading.
PAGE: list[tuple[str, str, list[str]]] = [
    ("Garden rules", "garden rules", []),
    ("Gates open at 8:00, and close at dusk.", "gates open at 8 00 and close at dusk", ["SITE-1"]),
    (
        "A visitor's bag holds < 5 kg & weighs ≤ 10% more:",
        "a visitor s bag holds < 5 kg weighs 10 % more",
        ["PT-3", "PT-5"],
    ),
    ("  • Six (6) tulips = one bunch", "six 6 tulips = one bunch", ["PT-3"]),
    ("  2. Roses_and lilies", "roses and lilies", ["PT-5"]),
    ("  3) Ferns, Ｆｅｒｎｓ, STRASSE Straße", "ferns ferns strasse strasse", ["PT-5"]),
    ("- 12 seats by the pond", "12 seats by the pond", ["UM-2"]),
]
CLAUSES = {
    "SITE-1": "When one may come.",
    "PT-3": "What one may carry off.",
    "PT-5": "What grows there.",
    "UM-2": "Where to sit.",
}
TEXT = "\n\n".join(text for text, _, _ in PAGE) + "\n"


def fingerprint(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()[:16]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The policies, with registers for the source PAGE."""
    paragraphs = [
        {"fingerprint": fingerprint(words), "clauses": clauses} | ({} if clauses else {"heading": True})
        for _, words, clauses in PAGE
    ]
    return compiled(with_registers(tmp_path_factory.mktemp("garden") / "policies", paragraphs, CLAUSES))


def with_registers(policies: Path, paragraphs: list[dict[str, Any]], summaries: dict[str, str]) -> Path:
    """Copy the policies, with other registers of the source and of clauses."""
    shutil.copytree(ROOT / "policies", policies)
    # In a different order, which the field `order` corrects.
    clauses = {
        name: {"order": 10 + order, "kind": "rule", "summary": summary}
        for order, (name, summary) in sorted(enumerate(summaries.items()), key=lambda each: each[1])
    }
    for register, value in (("source", {"title": "Garden rules", "paragraphs": paragraphs}), ("clauses", clauses)):
        (policies / f"therapy/register/{register}/data.yaml").write_text(yaml.safe_dump(value), encoding="utf-8")
    return policies


def compiled(policies: Path) -> Path:
    from therapy_policy.policy.bundles import load

    file = policies.parent / "bundle.tar.gz"
    file.write_bytes(load(str(policies), checked=False).archive)  # its clauses are of the garden
    return file


def checked(text: str, bundle: Path, *more: str | Path) -> tuple[int, dict[str, Any]]:
    result = run("source-check", "-", "--bundle", bundle, "--json", *more, stdin=text.encode())
    report: dict[str, Any] = json.loads(result.stdout)
    return result.returncode, report


def statuses(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [(clause["id"], clause["status"]) for clause in report["clauses"]]


def written(text: str, bundle: Path, *more: str | Path) -> str:
    return run("source-check", "-", "--bundle", bundle, *more, stdin=text.encode()).stdout.decode()


ALL_UNCHANGED = [(name, "unchanged") for name in CLAUSES]


def test_a_page_that_did_not_change_is_unchanged(bundle: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.txt"
    page.write_text(TEXT, encoding="utf-8")
    result = run("source-check", page, "--bundle", bundle)
    lines = result.stdout.decode().splitlines()
    assert lines[0] == "7 reviewed paragraphs: 7 unchanged, 0 moved, 0 changed, 0 removed. New paragraphs: 0."
    assert [line.split() for line in lines[2:6]] == [
        [name, "unchanged", *summary.split()] for name, summary in CLAUSES.items()
    ]
    assert lines[-1] == "The page is unchanged since the review. There is nothing to do."
    assert result.returncode == 0


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n\n", "\n"),
        "\ufeff" + TEXT.replace("\n\n", "\n \t\n•\n ———\n"),
        TEXT.replace(" ", "\u00a0 \u2003"),
        TEXT.upper(),
        TEXT.replace("8:00,", "8 00 -").replace("dusk.", "'dusk'!"),
        TEXT.replace("  • ", "- ").replace("  2. ", "").replace("  3) ", "10. ").replace("- 12", "12"),
        TEXT.rstrip(),
    ],
    ids=["CRLF", "no blank lines", "BOM, empty items", "spaces", "capitals", "punctuation", "list marks", "no end"],
)
def test_white_space_punctuation_capitals_and_list_marks_do_not_count(text: str, bundle: Path) -> None:
    assert text != TEXT
    status, report = checked(text, bundle)
    assert statuses(report) == ALL_UNCHANGED
    assert report["new"] == []
    assert (status, report["unchanged"]) == (0, True)


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("8:00", "9:00", ["SITE-1"]),
        ("dusk", "dawn", ["SITE-1"]),
        ("<", ">", ["PT-3", "PT-5"]),
        ("<", "", ["PT-3", "PT-5"]),
        ("%", "", ["PT-3", "PT-5"]),
        ("=", "+", ["PT-3"]),
        ("= one", "one", ["PT-3"]),
        ("- 12 seats", "seats", ["UM-2"]),
        ("Roses_and", "Rosesand", ["PT-5"]),
    ],
)
def test_a_word_a_number_or_a_sign_counts(old: str, new: str, changed: list[str], bundle: Path) -> None:
    assert TEXT.count(old) == 1
    status, report = checked(TEXT.replace(old, new), bundle)
    assert statuses(report) == [(name, "changed" if name in changed else "unchanged") for name in CLAUSES]
    assert report["paragraphs"] == {"reviewed": 7, "unchanged": 6, "moved": 0, "changed": 1, "removed": 0, "new": 0}
    assert (status, report["unchanged"]) == (1, False)


def test_a_changed_paragraph_is_shown_with_its_current_text_and_what_is_based_on_it(bundle: Path) -> None:
    output = written(TEXT.replace("Six (6)", "Seven (7)"), bundle)
    assert f"changed: line 7, in place of fingerprint {fingerprint('six 6 tulips = one bunch')}" in output
    assert "• Seven (7) tulips = one bunch" in output
    assert f"new fingerprint: {fingerprint('seven 7 tulips = one bunch')}" in output
    assert "PT_TREATMENT_VISIT_LIMIT" in output
    assert "outpatient_pt.initial_visits" in output
    assert "units_per_visit" not in output  # based on PT-5, which is unchanged
    assert output.splitlines()[-1].startswith("What to do: review each clause that is moved, changed or removed")
    assert "policies/therapy/register/source/data.yaml" in output.splitlines()[-1]


def test_the_new_fingerprint_makes_the_page_unchanged(bundle: Path, tmp_path: Path) -> None:
    page = TEXT.replace("12 seats", "13 seats")
    _, report = checked(page, bundle)
    (paragraph,) = next(clause for clause in report["clauses"] if clause["id"] == "UM-2")["paragraphs"]
    policies = tmp_path / "policies"
    shutil.copytree(bundle.parent / "policies", policies)
    source = policies / "therapy/register/source/data.yaml"
    text = source.read_text(encoding="utf-8")
    assert text.count(paragraph["fingerprint"]) == 1
    source.write_text(text.replace(paragraph["fingerprint"], paragraph["current"]["fingerprint"]), encoding="utf-8")
    assert checked(page, compiled(policies))[0] == 0


def without(*numbers: int) -> str:
    return "\n".join(text for number, (text, _, _) in enumerate(PAGE, start=1) if number not in numbers)


def test_a_clause_is_removed_with_all_its_paragraphs_and_changed_with_some(bundle: Path) -> None:
    status, report = checked(without(4, 7), bundle)
    assert statuses(report) == [
        ("SITE-1", "unchanged"),
        ("PT-3", "changed"),
        ("PT-5", "unchanged"),
        ("UM-2", "removed"),
    ]
    assert report["paragraphs"]["removed"] == 2
    assert status == 1
    assert f"removed: the paragraph with fingerprint {fingerprint('12 seats by the pond')}" in written(
        without(7), bundle
    )


def test_a_paragraph_in_another_order_is_moved(bundle: Path) -> None:
    texts = [text for text, _, _ in PAGE]
    moved = "\n".join([*texts[:1], texts[6], *texts[1:6]])
    status, report = checked(moved, bundle)
    assert statuses(report) == [*ALL_UNCHANGED[:-1], ("UM-2", "moved")]
    assert report["paragraphs"] == {"reviewed": 7, "unchanged": 6, "moved": 1, "changed": 0, "removed": 0, "new": 0}
    assert (status, report["unchanged"]) == (1, False)
    assert "moved: line 2, with the same text" in written(moved, bundle)


def test_what_moved_away_leaves_the_change_beside_it_a_change(bundle: Path) -> None:
    texts = [text for text, _, _ in PAGE]
    page = "\n".join([*texts[:3], "One tulip", *texts[5:], texts[4]])  # the fourth changed, the fifth moved to the end
    _, report = checked(page, bundle)
    assert report["paragraphs"] == {"reviewed": 7, "unchanged": 5, "moved": 1, "changed": 1, "removed": 0, "new": 0}
    assert statuses(report) == [
        ("SITE-1", "unchanged"),
        ("PT-3", "changed"),
        ("PT-5", "moved"),
        ("UM-2", "unchanged"),
    ]


def test_a_run_of_another_length_is_removed_and_new(bundle: Path) -> None:
    _, report = checked(TEXT.replace("Six (6) tulips = one bunch", "Six tulips\n\nOne bunch"), bundle)
    assert report["paragraphs"] == {"reviewed": 7, "unchanged": 6, "moved": 0, "changed": 0, "removed": 1, "new": 2}


def test_new_paragraphs_are_placed_between_clauses(bundle: Path) -> None:
    texts = [text for text, _, _ in PAGE]
    page = "\n".join(["Welcome", texts[0], "No dogs", *texts[1:4], "No kites", *texts[4:], texts[6], "The end"])
    status, report = checked(page, bundle)
    assert [(new["current"]["line"], new["after"], new["before"]) for new in report["new"]] == [
        (1, [], ["SITE-1"]),
        (3, [], ["SITE-1"]),
        (7, ["PT-3"], ["PT-5"]),
        (11, ["UM-2"], []),
        (12, ["UM-2"], []),
    ]
    assert statuses(report) == ALL_UNCHANGED
    assert status == 1
    output = written(page, bundle)
    assert "line 1, before SITE-1" in output
    assert "line 7, between PT-3 and PT-5\n          No kites" in output
    assert f"new fingerprint: {fingerprint('no kites')}" in output
    assert "line 12, after UM-2" in output


def test_a_heading_that_says_no_clause_is_told_too(bundle: Path) -> None:
    page = TEXT.replace("Garden rules", "Park rules")
    status, report = checked(page, bundle)
    assert statuses(report) == ALL_UNCHANGED
    assert [heading["status"] for heading in report["without_clause"]] == ["changed"]
    assert status == 1
    assert "Paragraphs without a clause\n        changed: line 1" in written(page, bundle)


def test_another_page_altogether(bundle: Path) -> None:
    output = written("Something else.\n", bundle)
    assert "None of the reviewed paragraphs is on this page. Check that this is the text of the source page." in output
    assert " 0 unchanged" in output


def test_wrapped_lines_are_told_from_a_changed_page(bundle: Path) -> None:
    wrapped = run(
        "source-check",
        "-",
        "--bundle",
        bundle,
        stdin=TEXT.replace(" and ", "\nand ")
        .replace(" of ", "\nof ")
        .replace("'s", "\n's")
        .replace(" (", "\n(")
        .replace(" S", "\nS")
        .encode(),
    )
    assert b"each paragraph must be one line" in wrapped.stdout
    changed = run("source-check", "-", "--bundle", bundle, stdin=TEXT.replace("8:00", "9:00").encode())
    assert b"each paragraph must be one line" not in changed.stdout


def test_what_would_steer_a_terminal_is_escaped(bundle: Path) -> None:
    output = written(TEXT.replace("dusk", "du\x1b[31msk"), bundle)
    assert "\x1b" not in output
    assert "\\x1b[31m" in output


def test_a_page_of_very_many_lines_ends_in_time(bundle: Path) -> None:
    status, report = checked("a\n" * 100_000 + TEXT, bundle)
    assert (status, report["paragraphs"]["new"]) == (1, 100_000)
    assert statuses(report) == ALL_UNCHANGED


def test_the_policy_installed_here_is_what_a_page_is_held_against() -> None:
    result = run("source-check", "-", "--json", stdin=TEXT.encode())
    register = yaml.safe_load((ROOT / "policies/therapy/register/source/data.yaml").read_text(encoding="utf-8"))
    report = json.loads(result.stdout)
    assert report["paragraphs"]["removed"] == report["paragraphs"]["reviewed"] == len(register["paragraphs"])
    assert result.returncode == 1


# --- Headings, order and the earlier text, on a page with two tiers

# Each line of the page, its clauses, and whether it is a heading.
LIBRARY: list[tuple[str, list[str], bool]] = [
    ("Books to take home", [], True),  # 1
    ("Readers with a card:", ["PT-3"], True),  # 2
    ("• five books, kept for one month", ["PT-3", "PT-5"], False),  # 3
    ("• one map", ["PT-5"], False),  # 4
    ("Guests without a card:", ["PT-4"], True),  # 5
    ("• eleven books, kept for one week", ["PT-4", "PT-5"], False),  # 6
    ("Quiet rooms", ["UM-2"], True),  # 7
    ("Ring the bell twice", ["UM-2"], False),  # 8
]
LIBRARY_CLAUSES = {"PT-3": "With a card.", "PT-4": "Without one.", "PT-5": "How long.", "UM-2": "Where to be quiet."}


def library(*numbers: int) -> str:
    """The page with its paragraphs in another order, or without some."""
    return "\n".join(LIBRARY[number - 1][0] for number in numbers) + "\n"


LIBRARY_TEXT = library(*range(1, 9))


@pytest.fixture(scope="module")
def library_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    paragraphs = [
        {
            "fingerprint": fingerprint(" ".join(re.findall(r"\w+", text.casefold()))),
            "clauses": clauses,
            "heading": heading,
        }
        for text, clauses, heading in LIBRARY
    ]
    return compiled(with_registers(tmp_path_factory.mktemp("library") / "policies", paragraphs, LIBRARY_CLAUSES))


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    file = tmp_path / "reviewed.txt"
    file.write_text(LIBRARY_TEXT, encoding="utf-8")
    return file


def moves(report: dict[str, Any]) -> dict[int, tuple[int | None, int | None]]:
    """The moved paragraphs by their line, each with the lines of its headings at the review and now."""
    clauses = [paragraph for clause in report["clauses"] for paragraph in clause["paragraphs"]]
    return {
        paragraph["current"]["line"]: tuple(
            place["heading"] and place["heading"]["line"]
            for place in (paragraph["move"]["reviewed"], paragraph["move"]["current"])
        )
        for paragraph in [*clauses, *report["without_clause"]]
        if paragraph["move"]
    }


@pytest.mark.parametrize(
    ("order", "clauses_that_moved", "expected"),
    [
        # Line by line: the line where its heading at the review is now, and the line of its heading now.
        ((1, 2, 6, 4, 5, 3, 7, 8), ["PT-3", "PT-4", "PT-5"], {3: (5, 2), 6: (2, 5)}),
        ((1, 5, 3, 4, 2, 6, 7, 8), ["PT-3", "PT-4", "PT-5"], {3: (5, 2), 4: (5, 2), 6: (2, 5)}),
        ((1, 2, 3, 5, 4, 6, 7, 8), ["PT-4", "PT-5"], {4: (2, 2), 5: (2, 4)}),
        ((1, 2, 4, 5, 3, 6, 7, 8), ["PT-3", "PT-5"], {5: (2, 4)}),
        ((1, 2, 4, 3, 5, 6, 7, 8), ["PT-3", "PT-5"], {3: (2, 2), 4: (2, 2)}),
        ((1, 5, 6, 2, 3, 4, 7, 8), ["PT-4", "PT-5"], {2: (4, 1), 3: (2, 2)}),
        ((1, 7, 8, 2, 3, 4, 5, 6), ["UM-2"], {2: (7, 1), 3: (2, 2)}),
        ((1, 2, 3, 4, 6, 7, 8), ["PT-4", "PT-5"], {5: (None, 2)}),
    ],
    ids=[
        "bullets of two tiers swapped",
        "headings of two tiers swapped",
        "a bullet and the next heading swapped",
        "a bullet under another heading",
        "neighbors under one heading swapped",
        "two tiers swapped, each with its bullets",
        "a block moved up",
        "a heading removed",
    ],
)
def test_what_moved_is_a_finding(
    order: tuple[int, ...],
    clauses_that_moved: list[str],
    expected: dict[int, tuple[int | None, int | None]],
    library_bundle: Path,
) -> None:
    status, report = checked(library(*order), library_bundle)
    assert {name for name, status in statuses(report) if status != "unchanged"} == set(clauses_that_moved)
    found = moves(report)
    assert {line: found.get(line) for line in expected} == expected
    assert report["paragraphs"]["changed"] == report["paragraphs"]["new"] == 0
    assert (status, report["unchanged"]) == (1, False)


def test_a_moved_paragraph_is_shown_with_both_places_and_what_is_based_on_it(library_bundle: Path) -> None:
    output = written(library(1, 2, 6, 4, 5, 3, 7, 8), library_bundle)
    assert (
        "PT-3    moved     With a card.\n"
        "        moved: line 6, with the same text\n"
        "          “• five books, kept for one month”\n"
        "          at the review: under the heading “Readers with a card:” (line 2, PT-3), first below it\n"
        "          now: under the heading “Guests without a card:” (line 5, PT-4), first below it\n"
        "        reason codes based on it: PT_EVALUATION_VISIT_LIMIT, PT_REFERRAL_VISIT_LIMIT, PT_TIER_NOT_NAMED, "
        "PT_TREATMENT_VISIT_LIMIT\n"
        "        parameters based on it: outpatient_pt.initial_visits\n"
    ) in output
    assert "Line numbers are those of the current page." in output
    assert "put the entry of each moved paragraph in its new place" in output


def test_a_changed_paragraph_under_another_heading_moved_too(library_bundle: Path) -> None:
    page = library(1, 2, 5, 3, 4, 6, 7, 8).replace("five", "six")
    status, report = checked(page, library_bundle)
    assert statuses(report) == [("PT-3", "changed"), ("PT-4", "moved"), ("PT-5", "changed"), ("UM-2", "unchanged")]
    assert (status, moves(report)) == (1, {3: (2, 2), 4: (2, 3), 5: (2, 3)})
    assert "          It also moved.\n          at the review: under the heading “Readers" in written(
        page, library_bundle
    )


def test_a_changed_heading_is_still_the_heading_of_what_is_below_it(library_bundle: Path) -> None:
    status, report = checked(LIBRARY_TEXT.replace("without", "with"), library_bundle)
    assert statuses(report) == [
        ("PT-3", "unchanged"),
        ("PT-4", "changed"),
        ("PT-5", "unchanged"),
        ("UM-2", "unchanged"),
    ]
    assert (status, moves(report)) == (1, {})


def test_a_removed_heading_is_named_by_its_fingerprint_or_by_the_snapshot(library_bundle: Path, snapshot: Path) -> None:
    page = library(1, 2, 3, 4, 6, 7, 8)
    mark = fingerprint("guests without a card")
    assert f"at the review: under the heading with fingerprint {mark} (removed, PT-4)" in written(page, library_bundle)
    output = written(page, library_bundle, "--snapshot", snapshot)
    assert "at the review: under the heading “Guests without a card:” (removed, PT-4), first below it" in output
    assert f"removed: the paragraph with fingerprint {mark}\n          [-Guests without a card:-]" in output


def test_old_and_new_are_shown_word_by_word(library_bundle: Path, snapshot: Path) -> None:
    page = LIBRARY_TEXT.replace("• eleven books, kept for one week", "- Twelve books, kept for one whole week!")
    output = written(page, library_bundle, "--snapshot", snapshot)
    assert "          [-eleven-] {+Twelve+} books, kept for one {+whole+} week!\n" in output
    status, report = checked(page, library_bundle, "--snapshot", snapshot)
    (paragraph,) = [each for each in report["clauses"][1]["paragraphs"] if each["status"] == "changed"]
    assert paragraph["snapshot"]["text"] == LIBRARY[5][0]
    assert paragraph["words"] == [
        {"kind": "removed", "text": "eleven"},
        {"kind": "added", "text": "Twelve"},
        {"kind": "same", "text": "books, kept for one"},
        {"kind": "added", "text": "whole"},
        {"kind": "same", "text": "week!"},
    ]
    assert status == 1


def test_an_unchanged_page_is_unchanged_with_its_snapshot(library_bundle: Path, snapshot: Path) -> None:
    status, report = checked(LIBRARY_TEXT.upper(), library_bundle, "--snapshot", snapshot)
    assert (status, report["unchanged"]) == (0, True)


@pytest.mark.parametrize(
    ("earlier", "problem"),
    [
        (LIBRARY_TEXT.replace("eleven", "twelve"), "line 6 differs from paragraph 6 in policies/"),
        ("\n\n" + library(1, 2, 4, 3, 5, 6, 7, 8), "line 5 differs from paragraph 3 in policies/"),
        (library(1, 2, 3), "it has 3 paragraphs, and policies/therapy/register/source/data.yaml has 8."),
        (LIBRARY_TEXT + "More", "it has 9 paragraphs"),
    ],
)
def test_a_snapshot_of_another_page_is_rejected(
    earlier: str, problem: str, library_bundle: Path, snapshot: Path
) -> None:
    snapshot.write_text(earlier, encoding="utf-8")
    result = run("source-check", "-", "--bundle", library_bundle, "--snapshot", snapshot, stdin=LIBRARY_TEXT.encode())
    assert (result.returncode, result.stdout) == (2, b"")
    error = result.stderr.decode().splitlines()[-1]
    assert error.startswith(f"error: {snapshot} is not the page as it was last reviewed: {problem}")


# --- The record of who checked, and when


@pytest.fixture
def repository(tmp_path: Path, library_bundle: Path) -> Path:
    """A directory with the policies, as the plan's own repository has them."""
    shutil.copytree(library_bundle.parent / "policies", tmp_path / "plan/policies")
    return tmp_path / "plan"


def record(repository: Path, page: str = LIBRARY_TEXT, by: str = "a.reader", on: str = "2026-03-31", *more: str) -> Any:
    return run("source-check", "-", "--record", "--by", by, "--on", on, *more, stdin=page.encode(), cwd=repository)


def test_checks_are_recorded_and_the_last_one_is_shown(repository: Path) -> None:
    version = yaml.safe_load((ROOT / "policies/therapy/register/policy/data.yaml").read_text(encoding="utf-8"))[
        "version"
    ]
    nothing = run("source-check", "--last", cwd=repository)
    assert (nothing.returncode, nothing.stdout) == (0, b"No check of the source page is recorded.\n")

    first = record(repository, on="2026-03-31")
    assert first.returncode == 0
    assert first.stdout.decode().endswith(
        f"Recorded in source-checks.yaml: 2026-03-31 by a.reader: unchanged (policy {version}).\n"
    )
    second = record(repository, library(1, 2, 6, 4, 5, 3, 7, 8), "b.reader", "2026-04-30", "--json")
    assert second.returncode == 1
    findings = json.loads(second.stdout)["paragraphs"]["moved"]
    file = repository / "source-checks.yaml"
    checks = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert [(check["date"], check["by"], check["result"], check["policy"]) for check in checks] == [
        ("2026-03-31", "a.reader", "unchanged", version),
        ("2026-04-30", "b.reader", f"{findings} findings", version),
    ]
    assert checks[1] == json.loads(second.stdout)["recorded"]
    assert checks[0]["page"] != checks[1]["page"]
    last = run("source-check", "--last", cwd=repository)
    assert last.stdout.decode() == (
        f"The source page was last checked on 2026-04-30 by b.reader: {findings} findings (policy {version}).\n"
    )
    assert json.loads(run("source-check", "--last", "--json", "--bundle", repository).stdout) == checks[1]


def test_a_record_keeps_what_a_person_wrote_in_the_file(repository: Path) -> None:
    file = repository / "source-checks.yaml"
    entry = f"""- {{date: "2026-01-01", by: a, page: "{"0" * 64}", result: 2 findings, policy: 1.0.0}}  # by hand"""
    file.write_text(f"# Kept\n{entry}", encoding="utf-8")
    assert record(repository).returncode == 0
    text = file.read_text(encoding="utf-8")
    assert text.startswith(f"# Kept\n{entry}\n- date: ")
    assert [check["date"] for check in yaml.safe_load(text)] == ["2026-01-01", "2026-03-31"]


TOMORROW = (date.today() + timedelta(days=2)).isoformat()  # two days, in case midnight passes


@pytest.mark.parametrize(
    ("by", "on", "problem"),
    [
        ("a.reader", "2026-02-30", "'2026-02-30' is not a date."),
        ("a.reader", "20260331", "'20260331' is not a date."),
        ("a.reader", "yesterday", "'yesterday' is not a date."),
        ("a.reader", TOMORROW, f"{TOMORROW} is in the future."),
        ("c.reader", "2026-03-31", "The check is not recorded: nobody in reviewers.yaml has the id c.reader"),
        ("a.reader", "2025-12-31", "The check is not recorded: a.reader may sign from 2026-01-01 on"),
    ],
)
def test_a_record_with_a_wrong_date_or_an_unknown_name_is_rejected(
    by: str, on: str, problem: str, repository: Path
) -> None:
    roster = {"reviewers": [{"id": "a.reader", "name": "A. Reader", "role": "compliance", "from": "2026-01-01"}]}
    (repository / "reviewers.yaml").write_text(yaml.safe_dump(roster), encoding="utf-8")
    result = record(repository, by=by, on=on)
    assert result.returncode == 2
    assert one_error(result).startswith(f"error: {problem}")
    assert not (repository / "source-checks.yaml").exists()


def test_an_empty_name_is_rejected(repository: Path) -> None:
    result = record(repository, by="  ")
    assert (result.returncode, result.stdout) == (2, b"")
    assert '`by` is "  ". Expected: who checked' in result.stderr.decode().splitlines()[-1]
    assert not (repository / "source-checks.yaml").exists()


ENTRY = {"date": "2026-01-01", "by": "a", "page": "0" * 64, "result": "unchanged", "policy": "1.0.0"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"date": "2026-01-01"}, ":1: Here is a group of keys. Expected: "),
        ([ENTRY, {**ENTRY, "date": date(2026, 1, 1)}], ":7: `date` is 2026-01-01 without quotes."),
        ([{**ENTRY, "date": "2026-02-30"}], ":2: 2026-02-30 is not a real date."),
        ([{**ENTRY, "result": "0 findings"}], ':5: `result` is "0 findings". Expected: unchanged, or the number of '),
        ([{name: ENTRY[name] for name in ("date", "by", "page", "result")}], ":1: `policy` is missing here. Add "),
        ([{**ENTRY, "note": "x"}], ":3: `note` is not a known key."),
    ],
)
def test_an_invalid_record_is_named_and_left_as_it_is(content: Any, problem: str, repository: Path) -> None:
    file = repository / "source-checks.yaml"
    file.write_text(before := yaml.safe_dump(content), encoding="utf-8")
    result = run("source-check", "--last", "--bundle", repository)
    assert result.returncode == 2
    assert one_error(result).startswith(f"error: {file}{problem}")
    assert record(repository).returncode == 2
    assert file.read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "Give FILE"),
        (("page.txt", "--last"), "Give FILE"),
        (("--last", "--record"), "Give FILE"),
        (("page.txt", "--record"), "Give --record, --by and --on together"),
        (("page.txt", "--by", "a.reader"), "Give --record, --by and --on together"),
        (("page.txt", "--record", "--on", "2026-03-31"), "Give --record, --by and --on together"),
    ],
)
def test_options_that_do_not_go_together(arguments: tuple[str, ...], problem: str) -> None:
    result = run("source-check", *arguments)
    assert result.returncode == 2
    assert one_error(result).startswith(f"error: {problem}")


def test_a_record_needs_a_directory_of_policies(library_bundle: Path, tmp_path: Path) -> None:
    result = run("source-check", "--last", cwd=tmp_path)
    assert result.returncode == 2
    assert "policies is not a directory of policies" in one_error(result)
    result = run("source-check", "--last", "--bundle", library_bundle)
    assert f"{library_bundle} is not a directory of policies" in one_error(result)


def test_the_review_shows_the_last_check(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    (tmp_path / "source-checks.yaml").write_text(yaml.safe_dump([ENTRY]), encoding="utf-8")
    site = tmp_path / "site"
    result = run("review", "--output", site, "--bundle", tmp_path / "policies")
    assert result.returncode == 0, result.stderr.decode()
    page = BeautifulSoup((site / "index.html").read_text(encoding="utf-8"), "html.parser")
    status = [" ".join(line.get_text(" ").split()) for line in page.select(".tp-status__line")]
    assert "Source page Checked on 2026-01-01 By a: unchanged (policy 1.0.0)." in status


# --- Files and bundles that cannot be used


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        (b"", "contains no text"),
        (b" \n\n- \n", "contains no text"),
        (
            b"<!DOCTYPE html>\n<html><body><p>Gates</p></body></html>",
            "is HTML. Open the page in a browser, select all",
        ),
        (b'Gates open<br>\n<div class="x">at eight</div>', "is HTML"),
        (b"%PDF-1.7\n\xe2\xe3\xcf\xd3", "is not UTF-8 text"),
        (b"a " * (1 << 20), "is too long"),
    ],
)
def test_a_file_that_is_not_the_text_of_a_page_is_rejected(page: bytes, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "page"
    file.write_bytes(page)
    result = run("source-check", file)
    assert result.returncode == 2
    assert one_error(result).startswith(f"error: {file} {problem}")


def test_a_less_than_sign_is_not_html(bundle: Path) -> None:
    status, _ = checked(TEXT + "\nif a <b and p> 3 or x <br", bundle)
    assert status == 1


def test_missing_files_and_bundles(tmp_path: Path) -> None:
    result = run("source-check", tmp_path / "none")
    assert result.returncode == 2
    assert "cannot be read" in one_error(result)
    result = run("source-check", "-", "--bundle", tmp_path / "none", stdin=TEXT.encode())
    assert result.returncode == 2
    assert str(tmp_path / "none") in one_error(result)


@pytest.mark.parametrize("lacking", ["the register", "a clause"])
def test_a_bundle_without_a_complete_register_of_the_source_is_rejected(lacking: str, tmp_path: Path) -> None:
    policies = tmp_path / "policies"
    shutil.copytree(ROOT / "policies", policies)
    source = policies / "therapy/register/source/data.yaml"
    if lacking == "the register":
        source.unlink()
        output = "has no fingerprints of the source page"
    else:
        source.write_text(source.read_text(encoding="utf-8").replace("[UM-1]", "[]"), encoding="utf-8")
        output = "policies/therapy/register/source/data.yaml differ in UM-1"
    result = run("source-check", "-", "--bundle", compiled(policies), stdin=TEXT.encode())
    assert (result.returncode, result.stdout) == (2, b"")
    assert output in result.stderr.decode().splitlines()[-1]
