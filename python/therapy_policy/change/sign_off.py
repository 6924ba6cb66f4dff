"""Sign interpretations and releases: show what is signed, check who signs, and append the verdicts to their files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml

from therapy_policy.data_check import near_word
from therapy_policy.errors import FileNotUsable
from therapy_policy.policy.bundles import Bundle
from therapy_policy.policy.records import read_record
from therapy_policy.policy.registers import EFFECTS, VISIBLE_IN
from therapy_policy.policy.releases import FOLDER as RELEASES
from therapy_policy.policy.releases import read_release
from therapy_policy.policy.sign_offs import (
    digest_of,
    file_of,
    impossible_date,
    not_on_roster,
    points_of,
    read_reviewers,
    read_sign_offs,
    release_of,
    summary_lines,
    unknown,
    what_is_read,
)
from therapy_policy.wording import count_of, printable

VERDICTS = ("confirmed", "to_change")


@dataclass(frozen=True)
class Verdict:
    """What a person says of one interpretation or release."""

    subject: str  # INT-1 or release 1.1.0
    verdict: str
    comment: str | None
    digest: str | None = None  # SHA-256 of the text that the person read before, 64 hex digits


def verdicts_on(subjects: Sequence[str], verdict: str, comment: str | None) -> list[Verdict]:
    """Return one verdict on several subjects, named as on a command line: INT-1, release 1.1.0 or 1.1.0.

    Raises `FileNotUsable` if the verdict does not exist, or asks for a change without a comment.
    """
    if verdict not in VERDICTS:
        raise FileNotUsable(
            f"{printable(verdict)} is not a verdict. {near_word(verdict, VERDICTS)}Choose confirmed or to_change."
        )
    if verdict == "to_change" and not (comment and comment.strip()):
        raise FileNotUsable("The verdict to_change needs a --comment that says what to change.")
    return [Verdict(subject, verdict, comment or None) for subject in _subjects(subjects)]


def verdicts_in(file: Path) -> list[Verdict]:
    """Read a file of verdicts; schemas/policy/verdicts.json describes it.

    Raises `FileNotUsable`.
    """
    try:
        verdicts = read_record(file, str(file), "verdicts").value
    except FileNotUsable as problem:
        raise FileNotUsable(f"The verdicts cannot be used:\n{problem}") from None
    return [
        Verdict(" ".join(_subjects([each["subject"]])), each["verdict"], each.get("comment"), each.get("digest"))
        for each in verdicts
    ]


def _subjects(names: Sequence[str]) -> list[str]:
    subjects: list[str] = []
    for word in " ".join(names).split():
        if subjects[-1:] == ["release"]:
            subjects[-1] = f"release {word}"
        else:
            subjects.append(f"release {word}" if word[0].isdigit() else word)
    return subjects or [""]


def check(bundle: Bundle, root: Path, verdicts: Sequence[Verdict], reviewer: str, day: str) -> None:
    """Raise `FileNotUsable` with every reason why these verdicts cannot be signed."""
    earlier = read_sign_offs(root)
    points_of(bundle, root)
    problems = []
    if problem := impossible_date(day, date.today().isoformat()):
        problems.append(problem)
    if problem := not_on_roster(reviewer, day, read_reviewers(root)):
        problems.append(problem)
    if any(not _is_text(verdict.comment or "") for verdict in verdicts):
        problems.append("a comment has a character that is not text in UTF-8")
    subjects = [verdict.subject for verdict in verdicts]
    for subject in dict.fromkeys(subjects):
        if subjects.count(subject) > 1:
            problems.append(f"{printable(subject)} is there twice")
        if problem := unknown(subject, bundle, root):
            problems.append(problem)
        else:
            if subject.startswith("release "):
                problems += _problems_of_release(subject, bundle, root)
            if subject == release_of(bundle) or not subject.startswith("release "):
                problems += _changed_since_read(subject, bundle, verdicts)
        if (newest := earlier.get(subject, [])[-1:]) and day < newest[0].date:
            problems.append(f"{subject} has a newer verdict, of {newest[0].date}")
    if problems:
        raise FileNotUsable("\n".join(["Nothing was signed:", *problems]))


def _is_text(comment: str) -> bool:
    return comment.encode(errors="replace").decode() == comment


def _problems_of_release(subject: str, bundle: Bundle, root: Path) -> Iterator[str]:
    if subject != release_of(bundle):
        yield f"only the release that is here can be signed: {release_of(bundle)}, not {subject}"
        return
    name = f"{RELEASES}/{bundle.version}.yaml"
    if not (root / name).is_file():
        yield f"nobody has accepted {subject}: there is no {name}; run therapy-policy accept first"
        return
    if read_release(root / name).text_digest != bundle.digest_of_everything:
        yield f"the policy has changed since {name} was written; run therapy-policy accept first"


def _changed_since_read(subject: str, bundle: Bundle, verdicts: Sequence[Verdict]) -> Iterator[str]:
    read = {verdict.digest for verdict in verdicts if verdict.subject == subject} - {None}
    if read - {digest_of(bundle, subject)}:
        yield f"the text of {subject} is not the one that the verdict is on; read it again and give a new verdict"


def as_lines(bundle: Bundle, verdicts: Sequence[Verdict], root: Path) -> Iterator[str]:
    """Describe what the verdicts are on, as the person who signs must read it."""
    for verdict in verdicts:
        yield f"{verdict.subject}, policy {bundle.version}"
        if verdict.subject == release_of(bundle):
            yield from (f"  {line}" for line in lines_of_release(bundle, root))
        else:
            yield from _lines_of_interpretation(bundle, verdict.subject)
        yield f"  SHA-256 of this text: {digest_of(bundle, verdict.subject)}"
        yield f"  Verdict: {verdict.verdict}" + (f": {printable(verdict.comment)}" if verdict.comment else "")
        yield ""


def lines_of_release(bundle: Bundle, root: Path | None) -> Iterator[str]:
    """Describe what a sign-off of the release covers; `root` has the records, None if there are none."""
    register = bundle.data["therapy"]["register"]
    rules = sum(rule.title is not None for rule in bundle.rego.rules)
    yield "All rules, numbers, lists and words of the policy:"
    for name, thing in (("clauses", "clause"), ("reason_codes", "reason code")):
        yield f"  {count_of(len(register[name]), thing)}"
    yield f"  {count_of(rules, 'rule')} with a title, on {count_of(len(bundle.rego.pages), 'page')}"
    interpretations = [point for point in points_of(bundle, root) if not point.subject.startswith("release ")]
    yield from (f"  interpretations: {line}" for line in summary_lines(interpretations))


def _lines_of_interpretation(bundle: Bundle, name: str) -> Iterator[str]:
    read_ = what_is_read(bundle, name)
    entry, codes = read_["interpretation"], read_["reason_codes"]
    yield f"  What the source leaves open: {entry['silence']}"
    yield f"  What the policy does: {entry['choice']}"
    yield f"  Where it shows: {VISIBLE_IN[entry['visible_in']]}"
    for code, each in codes.items():
        yield f"  {code} {EFFECTS[each['effect']]} ({', '.join(each['clauses']) or 'no clause'}): {each['message']}"
        if remedy := each["remedy"] or each.get("no_remedy_because"):
            yield f"    To resolve it: {remedy}"
    for file, page in read_["pages"].items():
        yield f"  Rules in {file}: {page['title']}"
        if codes:
            yield from (f"    {title}" for title, _ in page["rules"])
    if read_["request_fields"] is not None:
        yield f"  The fields of every request: {count_of(len(read_['request_fields']), 'definition')}"


def sign(bundle: Bundle, root: Path, verdicts: Sequence[Verdict], reviewer: str, day: str) -> list[Path]:
    """Append the verdicts to their files, and return the files. What is in a file stays as it is."""
    records = {}
    for verdict in verdicts:
        record = {
            "verdict": verdict.verdict,
            "by": reviewer,
            "date": day,
            **({"comment": verdict.comment} if verdict.comment else {}),
            "policy_version": bundle.version,
            "digest": digest_of(bundle, verdict.subject),
        }
        file = root / file_of(verdict.subject)
        records[file] = yaml.safe_dump([record], sort_keys=False, allow_unicode=True, width=110)
    for file, text in records.items():
        file.parent.mkdir(exist_ok=True)
        with file.open("ab+") as stream:
            stream.seek(0)
            end = b"" if stream.read()[-1:] in (b"", b"\n") else b"\n"
            stream.write(end + text.encode())
    return list(records)
