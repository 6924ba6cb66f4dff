"""The first page of the review site: what the policy is, what is proven and signed, and what changed last."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup, Tag

from tests.cli.command import ROOT
from therapy_policy.files import packaged_json
from therapy_policy.policy.bundles import Bundle, packaged_bundle
from therapy_policy.policy.releases import releases_of
from therapy_policy.policy.sign_offs import digest_of, points_of, release_of
from therapy_policy.policy.source_checks import last_source_check
from therapy_policy.review.differences import Names
from therapy_policy.review.figures import Figures
from therapy_policy.review.status import NO_RECORDS, Line, status
from therapy_policy.review.versions import Versions
from tools.figures import proof_of

BUNDLE = packaged_bundle()
NAMES = Names(BUNDLE.data, packaged_json("request.schema.json"))
REVIEWER = {"id": "first.last", "name": "First Last", "role": "Medical director", "from": "2026-01-01"}


def lines(records: Path | None, figures: Figures | None = None, bundle: Bundle = BUNDLE) -> dict[str, Line]:
    points = {point.subject: point for point in points_of(bundle, records)}
    release = points.pop(release_of(bundle))
    check = None if records is None else last_source_check(records)
    versions = Versions(bundle, records, NAMES)
    found = status(bundle, versions, figures or Figures(), points, release, check, NAMES)
    return {line.label: line for line in found}


def text(element: Tag) -> str:
    return " ".join(element.get_text(" ").split())


def test_each_line_leads_to_the_page_that_says_more(site: Path) -> None:
    found = BeautifulSoup((site / "index.html").read_text(encoding="utf-8"), "html.parser")
    shown = found.select(".tp-status__line")
    expected = lines(ROOT)
    assert [text(each.select(".tp-status__label")[0]) for each in shown] == list(expected)
    for each, line in zip(shown, expected.values(), strict=True):
        [link] = each.select(".tp-status__value a")
        assert (text(link), each.select(".tp-status__detail")[0].get_text()) == (line.value, line.detail)
        file, _, anchor = str(link["href"]).partition("#")
        more = BeautifulSoup((site / file).read_text(encoding="utf-8"), "html.parser")
        assert not anchor or more.find(id=anchor)


def test_the_cover_says_what_it_is_and_since_when(site: Path) -> None:
    cover = BeautifulSoup((site / "index.html").read_text(encoding="utf-8"), "html.parser").select(".tp-cover")[0]
    newest = releases_of(ROOT)[-1]
    about = json.loads((site / "therapy-policy-review.json").read_text(encoding="utf-8"))
    for fact in (newest.version, newest.accepted_on, about["bundle_sha256"]):
        assert fact in text(cover)


def test_the_state_of_this_policy() -> None:
    found = lines(ROOT)
    newest = releases_of(ROOT)[-1]
    assert found["Policy"].value == f"Version {BUNDLE.version}"
    assert newest.accepted_on in found["Policy"].detail
    assert found["Last change"].address == f"version-{newest.version}.html"
    deciding = [release.version for release in releases_of(ROOT) if release.flips]
    assert deciding[-1] in found["Last change"].detail
    number = len(BUNDLE.data["therapy"]["register"]["interpretations"])
    assert found["Interpretations"].value == f"0 signed, {number} open, 0 stale"


@pytest.mark.parametrize("proven", [True, False])
def test_the_proof_is_of_a_digest(tmp_path: Path, proven: bool) -> None:
    written = json.loads((ROOT / "python/therapy_policy/review/figures.json").read_text(encoding="utf-8"))
    written["proof"]["policy_digest"] = BUNDLE.digest if proven else "0" * 64
    (tmp_path / "figures.json").write_text(json.dumps(written), encoding="utf-8")
    line = lines(None, Figures(tmp_path / "figures.json"))["Proof"]
    assert line.value == ("Proven" if proven else "Not proven for this version")
    assert BUNDLE.digest[:12] in line.detail
    assert written["proof"]["parts"][0]["date"] in line.detail
    assert line.address == "proof.html"


def test_the_figures_have_the_last_proof() -> None:
    proof = proof_of((ROOT / "docs/proof.md").read_text(encoding="utf-8"))
    written = json.loads((ROOT / "python/therapy_policy/review/figures.json").read_text(encoding="utf-8"))
    assert written["proof"] == proof, "run `make generate` and commit what it writes"
    assert [part["name"] for part in proof["parts"]] == ["requests compared", "request classes decided", "mutants run"]
    with pytest.raises(ValueError, match="does not name the policy"):
        proof_of("# Proof\n")


def test_signatures_and_checks_are_counted(tmp_path: Path) -> None:
    def sign(subject: str, digest: str, verdict: str = "confirmed") -> None:
        entry = {"by": "first.last", "date": "2026-11-27", "verdict": verdict, "policy_version": BUNDLE.version}
        more = {"digest": digest} | ({"comment": "Not so."} if verdict == "to_change" else {})
        (tmp_path / "sign-offs").mkdir(exist_ok=True)
        file = tmp_path / f"sign-offs/{subject.replace(' ', '-')}.yaml"
        file.write_text(yaml.safe_dump([entry | more]), encoding="utf-8")

    (tmp_path / "reviewers.yaml").write_text(yaml.safe_dump({"reviewers": [REVIEWER]}), encoding="utf-8")
    sign("INT-1", digest_of(BUNDLE, "INT-1"))
    sign("INT-2", "0" * 64)
    sign("INT-3", digest_of(BUNDLE, "INT-3"), "to_change")
    sign(release_of(BUNDLE), BUNDLE.digest_of_everything)
    check = {"date": "2026-11-20", "by": "first.last", "page": "0" * 64, "result": "unchanged", "policy": "1.0.0"}
    (tmp_path / "source-checks.yaml").write_text(yaml.safe_dump([check]), encoding="utf-8")
    found = lines(tmp_path)
    open_ = len(BUNDLE.data["therapy"]["register"]["interpretations"]) - 3
    assert found["Interpretations"].value == f"1 signed, {open_} open, 1 stale, 1 to change"
    assert found["Signature of the release"].value == "Signed"
    assert "First Last" in found["Signature of the release"].detail
    assert found["Source page"].value == "Checked on 2026-11-20"
    assert "first.last: unchanged" in found["Source page"].detail


def test_without_records_everything_says_that_it_is_not_known() -> None:
    found = lines(None)
    for label in ("Policy", "Interpretations", "Signature of the release", "Source page", "Last change"):
        assert NO_RECORDS in found[label].detail
        assert found[label].mood == "wait"
    assert "is not known" in found["Policy"].detail


def test_an_earlier_release_says_that_there_is_a_newer_one(tmp_path: Path) -> None:
    (tmp_path / "releases").mkdir()
    for release in releases_of(ROOT):
        source = ROOT / f"releases/{release.version}.yaml"
        (tmp_path / source.relative_to(ROOT)).write_bytes(source.read_bytes())
    newest = releases_of(ROOT)[-1]
    later = vars(newest) | {"version": "99.0.0", "previous": newest.version, "text_digest": "0" * 64}
    later |= {"changes": list(newest.changes), "flips": list(newest.flips), "examples": list(newest.examples)}
    (tmp_path / "releases/99.0.0.yaml").write_text(yaml.safe_dump(later), encoding="utf-8")
    found = lines(tmp_path)["Policy"]
    assert "The newest release is 99.0.0" in found.detail
    assert found.mood == "wait"
