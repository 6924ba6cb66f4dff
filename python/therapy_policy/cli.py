"""The command `therapy-policy`.

Results go to standard output, everything else to standard error. Only the commands that use an engine import it.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from therapy_policy.client.request_text import MAX_REQUEST_BYTES, checked_text
from therapy_policy.errors import (
    DECIDED,
    INVALID,
    NO_ENGINE,
    USAGE,
    FileNotUsable,
    PolicyNotSigned,
    RequestError,
    Stopped,
    TherapyPolicyError,
)
from therapy_policy.files import display_name, open_input, packaged_json
from therapy_policy.wording import count_of, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from therapy_policy.client.decision import Client, Decision
    from therapy_policy.policy.bundles import Bundle

READER_GONE = 141  # as the shell reports a command that a closed pipe ended

app = typer.Typer(
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 done, 1 an invalid request or a finding, 2 a file or usage error, 3 no engine to answer.",
)

RequestFile = Annotated[str, typer.Argument(metavar="FILE", help="A request as JSON; - reads standard input.")]
SidecarUrl = Annotated[
    str | None,
    typer.Option("--sidecar", metavar="URL", help="Ask the sidecar at this URL instead of the embedded engine."),
]
BundleName = Annotated[
    str | None,
    typer.Option(
        "--bundle",
        metavar="NAME",
        help="A bundle file, a directory of policies, or a git revision that contains one. Default: the installed "
        "policy.",
    ),
]
SignOffs = Annotated[
    str | None,
    typer.Option(
        "--sign-offs",
        metavar="DIR",
        help="The directory that contains reviewers.yaml and sign-offs/. Default: the one that contains the policies.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]


def main() -> None:
    """Run the command and exit with its status; never with a traceback."""
    sys.exit(_status())


def _status() -> int:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # escape what a terminal cannot show
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        status = app(prog_name="therapy-policy", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        return int(status or DECIDED)
    except typer.TyperException as problem:
        context = getattr(problem, "ctx", None)
        command = context.command_path if context else "therapy-policy"
        return _error(f"{problem.format_message().rstrip('.')}. See {command} --help.", USAGE)
    except TherapyPolicyError as problem:
        return _error(str(problem), problem.exit_status)
    except Stopped as stopped:
        return stopped.exit_status
    except BrokenPipeError:
        return _reader_gone()
    except OSError as problem:
        name = f"{problem.filename}: " if problem.filename else ""
        return _error(f"{name}{problem.strerror or 'a file cannot be used'}.", USAGE)
    except Exception as problem:
        # Its message may quote the request.
        return _error(
            f"Unexpected {type(problem).__name__}. Please report it with the command that caused it.", NO_ENGINE
        )


def _error(message: str, status: int) -> int:
    print("error: " + "\n".join(map(printable, message.splitlines())), file=sys.stderr)
    return status


def _write_out(data: bytes) -> None:
    """Write to standard output without a buffer; exit quietly if its reader has closed it."""
    if sys.stdout is None:
        raise FileNotUsable("Standard output is closed.")
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise typer.Exit(_reader_gone()) from None


def _write_text(text: str) -> None:
    """Write text for people, with escapes for what their terminal cannot show."""
    _write_out(text.encode(sys.stdout.encoding if sys.stdout else "utf-8", "backslashreplace"))


def _reader_gone() -> int:
    # Otherwise Python would try to write again when it exits, and print an error.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return READER_GONE


def _print_json(value: Any) -> None:
    _write_out((json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode())


def _print_report(report: Any, as_json: bool) -> None:
    if as_json:
        _print_json(report.as_dict())
    else:
        _write_text("\n".join(report.as_lines()) + "\n")


def _on_console(print_on: Callable[[Console], None]) -> str:
    """Return what a function prints on a console like standard output."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        print_on(console)
    lines = (line.rstrip() for line in captured.get().split("\n"))
    return "\n".join(lines)


def _content(file: str) -> bytes:
    """Read the bytes of a request file, at most one more than a request can have."""
    with open_input(file) as stream:
        return stream.read(MAX_REQUEST_BYTES + 1)


def _not_a_request(file: str, problem: RequestError) -> FileNotUsable:
    return FileNotUsable(f"{display_name(file)} does not hold a request: {problem.problem}. Correct it and try again.")


def _engine(sidecar: str | None) -> Client:
    if sidecar is None:
        from therapy_policy.client.embedded import EmbeddedClient

        return EmbeddedClient()
    from therapy_policy.client.sidecar import SidecarClient

    return SidecarClient(sidecar)


def _bundle(name: str | None) -> Bundle:
    from therapy_policy.policy.bundles import load, packaged_bundle

    if name is None:
        return packaged_bundle()

    from rich.console import Console

    with Console(stderr=True, markup=False).status("Compiling the bundle …"):
        return load(name)


def _records(sign_offs: str | None) -> Path | None:
    if sign_offs is not None and not os.path.isdir(sign_offs):
        raise FileNotUsable(f"{sign_offs} is not a directory. Give --sign-offs the directory with reviewers.yaml.")
    return None if sign_offs is None else Path(sign_offs)


def _decision(file: str, sidecar: str | None) -> Decision:
    content = _content(file)
    with _engine(sidecar) as client:
        try:
            return client.decide_text(content)
        except RequestError as problem:
            raise _not_a_request(file, problem) from None


def _status_of(decision: Decision) -> int:
    return INVALID if decision["outcome"] == "invalid_request" else DECIDED


def _print_version(wanted: bool) -> None:
    if wanted:
        policy_version = packaged_json("data.json")["therapy"]["register"]["policy"]["version"]
        _write_out(f"therapy-policy {metadata.version('therapy-policy')}, policy {policy_version}\n".encode())
        raise typer.Exit


@app.callback()
def therapy_policy(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the versions of the program and of the policy.",
        ),
    ] = False,
) -> None:
    """Coverage decisions for outpatient therapy, each with the clauses of the source that it is based on."""


@app.command(epilog="Example: `therapy-policy decide examples/pt_visit.json`")
def decide(file: RequestFile, sidecar: SidecarUrl = None) -> int:
    """Decide one request and print the decision as JSON.

    Exit status: 0 a decision, 1 an invalid request, 2 a file or usage error, 3 no engine to answer.
    """
    decision = _decision(file, sidecar)
    _print_json(decision)
    return _status_of(decision)


@app.command(epilog="Example: `therapy-policy batch examples/claims.jsonl --output decisions.jsonl`")
def batch(
    file: Annotated[
        str, typer.Argument(metavar="IN.jsonl", help="One request as JSON per line; - reads standard input.")
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="OUT.jsonl", help="Where the decisions go, one per line; - is standard output."
        ),
    ],
    sidecar: SidecarUrl = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted run.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace OUT.jsonl if it exists, and discard an unfinished run.")
    ] = False,
) -> int:
    """Decide a file of requests, one JSON object per line; write one decision per line, in the same order.

    A line that is not valid JSON gets its own invalid_request decision. The output is named OUT.jsonl.partial until it
    is finished; --resume continues an interrupted run.

    Exit status: 0 all decided, 1 all decided and some request is invalid, 2 a file or usage error, 3 no engine to
    answer, 130 stopped by Ctrl-C.
    """
    from therapy_policy.bulk.batch import run

    invalid = run(file, output, partial(_engine, sidecar), _write_out, resume=resume, force=force)
    return INVALID if invalid else DECIDED


@app.command(epilog="Example: `therapy-policy explain examples/pediatric_ot_claim.json`")
def explain(file: RequestFile, sidecar: SidecarUrl = None) -> int:
    """Decide one request and explain the decision for a person.

    Exit status: 0 a decision, 1 an invalid request, 2 a file or usage error, 3 no engine to answer.
    """
    decision = _decision(file, sidecar)

    from therapy_policy.explain import explain as print_explanation

    _write_text(_on_console(partial(print_explanation, decision)))
    return _status_of(decision)


@app.command(epilog="Example: `therapy-policy validate examples/bad_request.json`")
def validate(
    file: RequestFile,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the errors as a JSON list of path, expected and found.")
    ] = False,
) -> int:
    """Check a request against the published schema and list every error; no decision is made.

    Exit status: 0 a valid request, 1 an invalid one, 2 a file or usage error.
    """
    try:
        text = checked_text(_content(file))
    except RequestError as problem:
        raise _not_a_request(file, problem) from None

    from therapy_policy.client.validation import parse, validation_errors

    errors = validation_errors(parse(text))
    if as_json:
        _print_json([error.as_dict() for error in errors])
    elif errors:
        lines = [f"{count_of(len(errors), 'error')}:"]
        for error in errors:
            lines += [
                printable(error.path) or "(the whole request)",
                f"  expected: {error.expected}",
                f"  found: {error.found}",
            ]
        _write_text("\n".join(lines) + "\n")
    else:
        _write_out(b"The request is valid.\n")
    return INVALID if errors else DECIDED


@app.command(epilog="Example: `therapy-policy replay sidecar.log --bundle policies`")
def replay(
    log: Annotated[
        str,
        typer.Argument(
            metavar="LOG", help="The sidecar's log or, with --requests, the output of batch; - reads standard input."
        ),
    ],
    requests: Annotated[
        str | None,
        typer.Option(
            "--requests",
            metavar="IN.jsonl",
            help="The input of batch, if LOG is its output, which contains only decisions.",
        ),
    ] = None,
    bundle: BundleName = None,
    as_json: AsJson = False,
) -> int:
    """Re-decide every request in a decision log and report what changed.

    Decisions are compared in full, except for the policy version. The sidecar's log keeps only the type of an invalid
    request, so those are counted but not replayed. Nothing from a request is printed.

    Exit status: 0 every decision that can be replayed is identical, 1 some decision differs, 2 a file or usage error
    (including truncated lines and logs in which nothing can be replayed), 3 no engine to answer.
    """
    from therapy_policy.bulk.replay import replay as replay_log

    report = replay_log(log, requests, _bundle(bundle))
    _print_report(report, as_json)
    if report.different:
        return INVALID
    if report.incomplete:
        raise FileNotUsable(report.incomplete)
    return DECIDED


@app.command(epilog="Example: `therapy-policy source-check page.txt`")
def source_check(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The current text of the source page; - reads standard input.")
    ],
    bundle: BundleName = None,
    as_json: AsJson = False,
) -> int:
    """Report which clauses of the source page have changed since they were last reviewed.

    Open the page in a browser, select all, and copy it into a text file. White space, punctuation, capitalization and
    list markers are ignored; words, numbers and the signs + = < > % are compared.

    Exit status: 0 nothing changed, 1 something changed, 2 a file or usage error.
    """
    from therapy_policy.change.source_check import check

    report = check(file, _bundle(bundle))
    _print_report(report, as_json)
    return DECIDED if report.unchanged else INVALID


@app.command(epilog="Example: `therapy-policy diff HEAD policies --type pt_visit`")
def diff(
    old: Annotated[
        str,
        typer.Argument(
            metavar="OLD", help="A bundle file, a directory of policies, or a git revision that contains one."
        ),
    ],
    new: Annotated[str | None, typer.Argument(metavar="NEW", help="The same; default: the installed policy.")] = None,
    request_type: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Compare decisions on this request type only; can be repeated."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Compare a sample only; takes seconds but can miss a changed decision.")
    ] = False,
    as_json: AsJson = False,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Also write the report as a web page.")
    ] = None,
) -> int:
    """Compare two policies: numbers, codes, clauses, wording and rules, and the decisions that change.

    Both policies decide every class of requests that the rules can tell apart, which takes a few minutes; request types
    that the change cannot affect are only sampled. Changed decisions are grouped, with the number of request classes
    affected, what they share, and the smallest example. A change in wording alone is not a change in behavior.

    Exit status: 0 no change in behavior (wording may differ), 1 some decision changes, 2 a file or usage error, 3 no
    engine or no OPA.
    """
    from therapy_policy.change.diff import diff as compare
    from therapy_policy.change.diff import examples
    from therapy_policy.change.render import html_page, print_report
    from therapy_policy.classes import REQUEST_TYPES
    from therapy_policy.files import stoppable

    if unknown := [name for name in request_type or () if name not in REQUEST_TYPES]:
        raise FileNotUsable(f"{unknown[0]} is not a request type. Choose one of: {', '.join(REQUEST_TYPES)}.")
    if html is not None and (os.path.isdir(html) or not os.path.isdir(os.path.dirname(html) or ".")):
        raise FileNotUsable(f"{html} cannot be written. Give --html the name of a file in an existing directory.")
    with stoppable():
        bundles = _bundle(old), _bundle(new)
        document = compare(*bundles, request_type or list(REQUEST_TYPES), examples(), quick=quick)
    if html is not None:
        with open(html, "w", encoding="utf-8") as file:
            file.write(html_page(document))
    if as_json:
        _print_json(document)
    else:
        _write_text(_on_console(partial(print_report, document)))
    return INVALID if document["behavior_changed"] else DECIDED


@app.command(epilog="Example: `therapy-policy review --output review`")
def review(
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Where the site goes: a new or empty directory, or an earlier review to replace.",
        ),
    ],
    bundle: BundleName = None,
    sign_offs: SignOffs = None,
) -> int:
    """Write the policy as a static website for the people who review and sign it.

    The site shows what happens to every clause, a decision table for each request type with its rules, the numbers, the
    interpretations and who signed them, the reason codes, worked examples, and a form to try a request. It works from a
    file, and the same policy with the same sign-offs gives the same bytes. The path of its first page is printed.

    Exit status: 0 written, 2 a file or usage error, 3 OPA, the engine or Graphviz is unavailable.
    """
    from therapy_policy.policy.sign_offs import root_of
    from therapy_policy.review.site import check_output, write_site

    check_output(output)
    records = _records(sign_offs) or root_of(bundle)
    index = write_site(_bundle(bundle), output, lambda step: print(step, file=sys.stderr, flush=True), records)
    _write_text(f"{index}\n")
    return DECIDED


@app.command(epilog="Example: `therapy-policy sign-off INT-1 --by first.last --on 2026-12-01 --verdict confirmed`")
def sign_off(
    subject: Annotated[
        list[str] | None,
        typer.Argument(metavar="SUBJECT", help="Interpretations such as INT-1, or the release, such as release 1.1.0."),
    ] = None,
    by: Annotated[str, typer.Option("--by", metavar="ID", help="Who signs: an id in reviewers.yaml.")] = "",
    on: Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="The day of the verdict.")] = "",
    verdict: Annotated[
        str | None, typer.Option("--verdict", metavar="VERDICT", help="confirmed, or to_change with a comment.")
    ] = None,
    comment: Annotated[str | None, typer.Option("--comment", metavar="TEXT", help="A comment on the verdict.")] = None,
    from_file: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FILE", help="A YAML or JSON file with several verdicts: subject, verdict, comment."
        ),
    ] = None,
    policies: Annotated[
        str, typer.Option("--policies", metavar="DIR", help="The directory of the policies that are signed.")
    ] = "policies",
    yes: Annotated[bool, typer.Option("--yes", help="Sign without asking.")] = False,
) -> int:
    """Sign interpretations or a release: confirm them, or ask for a change.

    Shows the text and the rules that are signed, and asks. The person must be in reviewers.yaml on that day. The
    verdict is appended to a file in sign-offs/ beside the policies, with the digest of what was read. As soon as that
    changes, the verdict is stale. A verdict changes no decision.

    Exit status: 0 signed, 1 not signed because the answer was no, 2 a file or usage error, 3 OPA is unavailable.
    """
    from therapy_policy.change import sign_off as signing
    from therapy_policy.policy.sign_offs import root_of

    if (from_file is None) == (not subject) or (from_file is None) == (verdict is None) or (from_file and comment):
        raise FileNotUsable("Give either SUBJECT and --verdict, or --from FILE.")
    if not by or not on:
        raise FileNotUsable("Say who signs and when: --by ID --on YYYY-MM-DD.")
    root = root_of(policies)
    if root is None:
        raise FileNotUsable(f"{policies} is not a directory. Give --policies the directory of the policies.")
    verdicts = (
        signing.verdicts_in(from_file) if from_file else signing.verdicts_on(subject or [], verdict or "", comment)
    )
    bundle = _bundle(policies)
    signing.check(bundle, root, verdicts, by, on)
    _write_text("\n".join(signing.as_lines(bundle, verdicts, root)) + "\n")
    if not yes:
        if not sys.stdin.isatty():
            raise FileNotUsable("There is no terminal to ask on. Read the text above; to sign it, add --yes.")
        if not typer.confirm(f"Sign this as {by} on {on}?", err=True):
            return INVALID
    for file in signing.sign(bundle, root, verdicts, by, on):
        _write_text(f"signed: {file}\n")
    return DECIDED


def _check_signed(sign_offs: str | None) -> None:
    from therapy_policy.policy.bundles import packaged_bundle
    from therapy_policy.policy.sign_offs import points_of, root_of, unsigned

    if missing := unsigned(points_of(packaged_bundle(), _records(sign_offs) or root_of(None))):
        raise PolicyNotSigned("\n".join([f"The policy is not signed. {count_of(len(missing), 'point')}:", *missing]))


@app.command(epilog="Example: `therapy-policy serve --port 8181`")
def serve(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The port to listen on.")] = 8181,
    require_signed: Annotated[
        bool,
        typer.Option("--require-signed", help="Start only if every interpretation and the release are signed."),
    ] = False,
    sign_offs: SignOffs = None,
) -> int:
    """Run the sidecar: OPA with this policy, on 127.0.0.1, until Ctrl-C.

    Exit status: 0 stopped, 1 something is not signed (with --require-signed), 2 a usage error, 3 OPA is unavailable or
    the port is in use.
    """
    from therapy_policy.sidecar.serve import serve as run_sidecar

    if require_signed:
        _check_signed(sign_offs)
    return run_sidecar(port)


if __name__ == "__main__":
    main()
