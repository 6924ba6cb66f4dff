"""The page to sign, in a real browser: what a reviewer fills in becomes the file that the real command signs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser, Dialog, Locator, Page, expect

from tests.cli.command import ROOT, run
from tests.review.browser import Watched, watched_page
from therapy_policy.policy.bundles import packaged_bundle
from therapy_policy.policy.sign_offs import digest_of, points_of
from therapy_policy.review.signing import Signing
from therapy_policy.review.site import Site
from therapy_policy.review.try_it import PACKAGE

ROSTER = """\
reviewers:
  - {id: first.reviewer, name: First Reviewer, role: "compliance, lead", from: "2026-02-01"}
  - {id: second.reviewer, name: Second Reviewer, role: medical director, from: "2026-02-01", until: "2026-03-31"}
"""
SIGNED, CHANGED, OPEN = "INT-1", "INT-2", "INT-5"
RELEASE = f"release {packaged_bundle().version}"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with people who may sign, an interpretation that is signed, and one that has changed."""
    root = tmp_path_factory.mktemp("project")
    for folder in ("policies", "releases"):
        shutil.copytree(ROOT / folder, root / folder)
    (root / "reviewers.yaml").write_text(ROSTER, encoding="utf-8")
    (root / "sign-offs").mkdir()
    for subject, digest in ((SIGNED, digest_of(packaged_bundle(), SIGNED)), (CHANGED, "0" * 64)):
        verdict = {
            "verdict": "confirmed",
            "by": "first.reviewer",
            "date": "2026-02-02",
            "policy_version": "2.0.4",
            "digest": digest,
        }
        (root / f"sign-offs/{subject}.yaml").write_text(yaml.safe_dump([verdict]), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def sign_page(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page about the copy, with the files that it needs."""
    return written(project, tmp_path_factory.mktemp("signing"))


def written(records: Path | None, directory: Path) -> Path:
    bundle = packaged_bundle()
    site = Site(bundle, lambda step: None, records)
    page = site.environment.get_template("sign.html").render(
        here="sign.html", within=None, signing=Signing(bundle, records)
    )
    (directory / "sign.html").write_text(page, encoding="utf-8")
    for name in ("style.css", "icon.svg"):
        (directory / name).write_bytes((PACKAGE / name).read_bytes())
    for name in ("page-tools.js", "sign.js"):
        (directory / name).write_bytes((PACKAGE / "scripts" / name).read_bytes())
    return directory / "sign.html"


@pytest.fixture
def page(watched: Watched, sign_page: Path) -> Iterator[Page]:
    yield watched.open(sign_page)
    watched.page.goto("about:blank")


def point(page: Page, subject: str) -> Locator:
    return page.locator(f"""[id="{subject.replace(" ", "-")}"]""")


def choose(page: Page, subject: str, verdict: str, comment: str = "") -> None:
    point(page, subject).get_by_text(verdict, exact=True).click()
    page.get_by_label(f"Comment on {subject}", exact=True).fill(comment)


def save(page: Page) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the file").click()
    path = Path(download.value.path())
    return path.rename(path.with_name(download.value.suggested_filename))


# --- What is there to read


def test_each_point_that_is_not_signed_is_there_with_its_text(page: Page, project: Path) -> None:
    register = packaged_bundle().data["therapy"]["register"]
    for each in points_of(packaged_bundle(), project):
        section = point(page, each.subject)
        if each.subject == SIGNED:
            expect(section).to_have_count(0)
            continue
        text = section.inner_text()
        assert digest_of(packaged_bundle(), each.subject) in text
        if each.subject != RELEASE:
            entry = register["interpretations"][each.subject]
            assert entry["silence"] in text
            assert entry["choice"] in text
            codes = [code for code in register["reason_codes"].values() if code["interpretation"] == each.subject]
            assert text.count("To resolve it: ") == sum(
                bool(code["remedy"] or code.get("no_remedy_because")) for code in codes
            )
    assert f"{len(register['reason_codes'])} reason codes" in point(page, RELEASE).inner_text()
    assert "what was read has changed since" in point(page, CHANGED).inner_text()
    expect(page.get_by_role("heading", name="Signed", exact=True)).to_be_visible()
    signed = page.get_by_text(f"{SIGNED}: First Reviewer (compliance, lead) confirmed it on 2026-02-02.", exact=True)
    expect(signed).to_be_visible()


def test_no_rego_and_no_name_of_a_file_is_shown(page: Page) -> None:
    text = page.locator("main").inner_text()
    assert ".rego" not in text
    assert "METADATA" not in text


# --- What is filled in


def test_the_file_is_signed_by_the_command(page: Page, project: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(project, root)
    choose(page, OPEN, "Ask for a change", ' Which tier? "Nonacute" is too narrow: ask Dr. Ōta.\nSecond line. ')
    choose(page, CHANGED, "Confirm")
    page.get_by_label("Who signs", exact=True).select_option("first.reviewer")
    page.get_by_label("Day of the verdicts").fill("2026-03-02")
    others = len(points_of(packaged_bundle(), project)) - len((SIGNED, CHANGED, OPEN))
    expect(page.locator("#sign-count")).to_have_text(f"1 confirmed, 1 to change, {others} without a verdict.")
    file = save(page)
    assert file.name == "verdicts-first.reviewer-2026-03-02.json"
    command = page.locator("#sign-command").inner_text()
    assert command == f"therapy-policy sign-off --from {file.name} --by first.reviewer --on 2026-03-02"
    shutil.copyfile(file, root / file.name)
    digests = {each["subject"]: each["digest"] for each in json.loads(file.read_text(encoding="utf-8"))}
    assert digests == {subject: digest_of(packaged_bundle(), subject) for subject in (OPEN, CHANGED)}
    result = run(*command.split()[1:], "--yes", cwd=root)
    assert result.returncode == 0, result.stderr.decode()
    shown = result.stdout.decode()
    for subject in (CHANGED, OPEN):
        assert f"SHA-256 of this text: {digest_of(packaged_bundle(), subject)}" in shown
    states = {each.subject: each for each in points_of(packaged_bundle(), root)}
    assert (states[CHANGED].state, states[OPEN].state, states["INT-6"].state) == ("signed", "to_change", "open")
    newest = states[OPEN].sign_off
    assert newest is not None
    assert newest.comment == 'Which tier? "Nonacute" is too narrow: ask Dr. Ōta.\nSecond line.'
    assert (newest.reviewer.id, newest.date) == ("first.reviewer", "2026-03-02")


def test_what_is_missing_is_said_at_its_place(page: Page) -> None:
    button = page.get_by_role("button", name="Save the file")
    by, on = page.get_by_label("Who signs", exact=True), page.get_by_label("Day of the verdicts")
    expect(on).to_have_value(date.today().isoformat())
    button.click()
    expect(page.locator("#sign-by-problem")).to_have_text("Choose who signs.")
    expect(by).to_be_focused()
    by.select_option("second.reviewer")
    for day, problem in {
        "2999-01-01": "This day is in the future.",
        "2026-01-31": "Second Reviewer may sign from 2026-02-01 on.",
        "2026-04-01": "Second Reviewer could sign through 2026-03-31.",
        "": "Choose the day on which you give the verdicts.",
    }.items():
        on.fill(day)
        button.click()
        expect(page.locator("#sign-on-problem")).to_contain_text(problem)
        expect(on).to_have_attribute("aria-invalid", "true")
    on.fill("2026-03-31")
    button.click()
    expect(page.locator("#sign-problem")).to_have_text("There is no verdict yet. Give at least one.")
    choose(page, OPEN, "Ask for a change")
    button.click()
    expect(point(page, OPEN).get_by_text("Say what to change.", exact=True)).to_be_visible()
    expect(page.get_by_label(f"Comment on {OPEN}", exact=True)).to_be_focused()
    choose(page, OPEN, "No verdict yet", "A comment alone")
    button.click()
    expect(point(page, OPEN).get_by_text("Choose a verdict, too")).to_be_visible()
    choose(page, OPEN, "Confirm", "A comment alone")
    choose(page, CHANGED, "Confirm")
    on.fill("2026-02-01")
    button.click()
    expect(page.locator("#sign-on-problem")).to_have_text(f"{CHANGED} has a newer verdict, of 2026-02-02.")
    on.fill("2026-02-02")
    assert json.loads(save(page).read_text(encoding="utf-8")) == [
        {"subject": CHANGED, "verdict": "confirmed", "digest": digest_of(packaged_bundle(), CHANGED)},
        {
            "subject": OPEN,
            "verdict": "confirmed",
            "comment": "A comment alone",
            "digest": digest_of(packaged_bundle(), OPEN),
        },
    ]
    expect(page.locator("#sign-next")).to_be_visible()
    choose(page, OPEN, "Ask for a change", "Another one")
    expect(page.locator("#sign-next")).to_be_hidden()


def test_what_is_filled_in_stays_on_the_page_and_nowhere_else(page: Page, sign_page: Path) -> None:
    choose(page, OPEN, "Ask for a change", "Too narrow")
    page.get_by_role("link", name="INT-9", exact=True).click()
    assert page.url.endswith("#INT-9")
    expect(page.get_by_label(f"Comment on {OPEN}", exact=True)).to_have_value("Too narrow")
    assert page.evaluate("() => [localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    questions: list[str] = []

    def leave(dialog: Dialog) -> None:
        questions.append(dialog.type)
        dialog.accept()

    page.once("dialog", leave)
    page.reload()
    assert questions == ["beforeunload"]
    expect(page.get_by_label(f"Comment on {OPEN}", exact=True)).to_have_value("")


def test_without_people_on_the_list(browser: Browser, tmp_path: Path) -> None:
    with watched_page(browser) as watched:
        page = watched.open(written(None, tmp_path))
        expect(page.get_by_text("Nobody is on the list of people who may sign.")).to_be_visible()
        expect(point(page, RELEASE).get_by_text("Nobody has accepted this release yet")).to_be_visible()
        choose(page, OPEN, "Confirm")
        page.get_by_role("button", name="Save the file").click()
        expect(page.locator("#sign-by-problem")).to_have_text("Enter your id.")
        page.get_by_label("Who signs", exact=True).fill("../first reviewer")
        assert save(page).name.startswith("verdicts-..-first-reviewer-")


# --- For everybody


def test_accessibility(watched: Watched, page: Page) -> None:
    page.get_by_role("button", name="Save the file").click()
    assert watched.accessibility_problems() == []


@pytest.mark.parametrize("width", [320, 390, 1920])
def test_at_every_width(width: int, browser: Browser, sign_page: Path) -> None:
    with watched_page(browser, width=width) as watched:
        page = watched.open(sign_page)
        assert page.evaluate("() => document.documentElement.scrollWidth") == width


def test_without_javascript(browser: Browser, sign_page: Path) -> None:
    with watched_page(browser, javascript=False) as watched:
        page = watched.open(sign_page)
        expect(page.get_by_text("needs JavaScript")).to_be_visible()
        expect(page.get_by_role("button", name="Save the file")).to_be_hidden()
        expect(point(page, OPEN)).to_be_visible()
