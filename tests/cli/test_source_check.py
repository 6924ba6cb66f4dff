"""`therapy-policy source-check`: which paragraphs of a page changed since the review, on an invented page."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.command import ROOT, one_error, run

# Each paragraph of the page, the words that are compared, and its clauses.
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
    policies = tmp_path_factory.mktemp("garden") / "policies"
    shutil.copytree(ROOT / "policies", policies)
    paragraphs = [{"fingerprint": fingerprint(words), "clauses": clauses} for _, words, clauses in PAGE]
    # In a different order, which the field `order` corrects.
    clauses = {
        name: {"order": 10 + order, "kind": "rule", "summary": summary}
        for order, (name, summary) in sorted(enumerate(CLAUSES.items()), key=lambda each: each[1])
    }
    for register, value in (("source", {"title": "Garden rules", "paragraphs": paragraphs}), ("clauses", clauses)):
        (policies / f"therapy/register/{register}/data.yaml").write_text(yaml.safe_dump(value), encoding="utf-8")
    return compiled(policies)


def compiled(policies: Path) -> Path:
    from therapy_policy.policy.bundles import load

    file = policies.parent / "bundle.tar.gz"
    file.write_bytes(load(str(policies), checked=False).archive)  # its clauses are of the garden
    return file


def checked(text: str, bundle: Path) -> tuple[int, dict[str, Any]]:
    result = run("source-check", "-", "--bundle", bundle, "--json", stdin=text.encode())
    report: dict[str, Any] = json.loads(result.stdout)
    return result.returncode, report


def statuses(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [(clause["id"], clause["status"]) for clause in report["clauses"]]


def written(text: str, bundle: Path) -> str:
    return run("source-check", "-", "--bundle", bundle, stdin=text.encode()).stdout.decode()


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
    assert output.splitlines()[-1].startswith("What to do: review each clause that is changed or removed")
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


def test_a_moved_paragraph_is_unchanged(bundle: Path) -> None:
    texts = [text for text, _, _ in PAGE]
    moved = "\n".join([*texts[:1], texts[6], *texts[1:6]])
    status, report = checked(moved, bundle)
    assert statuses(report) == ALL_UNCHANGED
    assert report["paragraphs"] == {"reviewed": 7, "unchanged": 6, "moved": 1, "changed": 0, "removed": 0, "new": 0}
    assert status == 0
    assert "moved to line 2, with the same text" in written(moved, bundle)


def test_what_moved_away_leaves_the_change_beside_it_a_change(bundle: Path) -> None:
    texts = [text for text, _, _ in PAGE]
    page = "\n".join([*texts[:3], "One tulip", *texts[5:], texts[4]])  # the fourth changed, the fifth moved to the end
    _, report = checked(page, bundle)
    assert report["paragraphs"] == {"reviewed": 7, "unchanged": 5, "moved": 1, "changed": 1, "removed": 0, "new": 0}
    assert statuses(report) == [
        ("SITE-1", "unchanged"),
        ("PT-3", "changed"),
        ("PT-5", "unchanged"),
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
    assert [heading["status"] for heading in report["headings"]] == ["changed"]
    assert status == 1
    assert "Headings without a clause\n        changed: line 1" in written(page, bundle)


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
        ("Gates".encode("utf-16"), "is not UTF-8 text"),
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
