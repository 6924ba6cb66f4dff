"""The command `therapy-policy`: decide, batch, explain, validate, replay, source-check, diff, review, serve.

Results go to standard output, everything else to standard error. Exit status: 0 done, 1 an invalid request or a
finding, 2 a file or usage error, 3 no engine to answer. Engines are imported by the commands that ask one.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from therapy_policy.batch import FileProblem, Stopped, open_input, run
from therapy_policy.errors import RequestNotJson, RequestTooLarge, SidecarUrlInvalid, TherapyPolicyError
from therapy_policy.request_text import MAX_REQUEST_BYTES, checked_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from therapy_policy.bundles import Bundle
    from therapy_policy.decision import Client, Decision

DECIDED, INVALID, USAGE, NO_ENGINE = 0, 1, 2, 3
READER_GONE = 141  # as the shell says of a command that a closed pipe ended

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 done, 1 an invalid request or a finding, 2 a file or usage error, 3 no engine to answer.",
)

RequestFile = Annotated[str, typer.Argument(metavar="FILE", help="A request as JSON; - reads standard input.")]
SidecarUrl = Annotated[
    str | None,
    typer.Option("--sidecar", metavar="URL", help="Ask the sidecar at this URL, not the embedded engine."),
]
BundleName = Annotated[
    str | None,
    typer.Option(
        "--bundle",
        metavar="NAME",
        help="A bundle file, a directory of policies, or a git revision of one; without it, the policy installed here.",
    ),
]


def main() -> None:
    """Run the command and exit with its status; never with a traceback."""
    sys.exit(_status())


def _status() -> int:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # what a terminal cannot show becomes an escape
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        status = app(prog_name="therapy-policy", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        return int(status or DECIDED)
    except typer.TyperException as problem:
        context = getattr(problem, "ctx", None)
        command = context.command_path if context else "therapy-policy"
        return _error(f"{problem.format_message().rstrip('.')}; see {command} --help", USAGE)
    except (FileProblem, SidecarUrlInvalid) as problem:
        return _error(str(problem), USAGE)
    except TherapyPolicyError as problem:
        return _error(str(problem), NO_ENGINE)
    except Stopped as stopped:
        return 128 + stopped.signal_number
    except BrokenPipeError:
        return _reader_gone()
    except OSError as problem:
        name = f"{problem.filename}: " if problem.filename else ""
        return _error(f"{name}{problem.strerror or 'a file cannot be used'}", USAGE)
    except Exception as problem:
        # Its message may quote the request.
        return _error(
            f"unexpected {type(problem).__name__}; please report it with the command that led to it", NO_ENGINE
        )


def _error(message: str, status: int) -> int:
    from therapy_policy.explain import shown

    print("error: " + "\n".join(map(shown, message.splitlines())), file=sys.stderr)
    return status


def _write_out(data: bytes) -> None:
    """Write to standard output at once; ends the command quietly where nobody reads it any more."""
    if sys.stdout is None:
        raise FileProblem("standard output is closed")
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise typer.Exit(_reader_gone()) from None


def _write_text(text: str) -> None:
    """Write text for people; what their terminal cannot show becomes an escape."""
    _write_out(text.encode(sys.stdout.encoding if sys.stdout else "utf-8", "backslashreplace"))


def _reader_gone() -> int:
    # Else Python would try again to write, and complain, when it ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return READER_GONE


def _print_json(value: Any) -> None:
    _write_out((json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode())


def _printed(print_on: Callable[[Console], None]) -> str:
    """What is printed on a console that is like standard output."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        print_on(console)
    lines = (line.rstrip() for line in captured.get().split("\n"))
    return "\n".join(lines)


def _request(file: str) -> str:
    """Read the JSON text of a request; of a longer file no more is read than shows that it is too long."""
    with open_input(file) as stream:
        text = stream.read(MAX_REQUEST_BYTES + 1)
    try:
        return checked_text(text)
    except (RequestNotJson, RequestTooLarge) as error:
        name = "standard input" if file == "-" else file
        raise FileProblem(f"{name} holds no request: {error.problem}; correct it and try again") from None


def _engine(sidecar: str | None) -> Client:
    if sidecar is None:
        from therapy_policy.embedded import EmbeddedClient

        return EmbeddedClient()
    from therapy_policy.sidecar import SidecarClient

    return SidecarClient(sidecar)


def _bundle(name: str | None) -> Bundle:
    from therapy_policy.bundles import BundleNotUsable, load, packaged

    if name is None:
        return packaged()

    from rich.console import Console

    try:
        with Console(stderr=True, markup=False).status("Compiling the bundle …"):
            return load(name)
    except BundleNotUsable as problem:
        raise FileProblem(str(problem)) from None


def _decision(file: str, sidecar: str | None) -> Decision:
    text = _request(file)
    with _engine(sidecar) as client:
        return client.decide_text(text)


def _status_of(decision: Decision) -> int:
    return INVALID if decision["outcome"] == "invalid_request" else DECIDED


def _print_version(wanted: bool) -> None:
    if wanted:
        from therapy_policy.explain import packaged

        _write_out(f"therapy-policy {packaged('data.json')['therapy']['register']['policy']['version']}\n".encode())
        raise typer.Exit


@app.callback()
def therapy_policy(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the policy's version.")
    ] = False,
) -> None:
    """Coverage decisions for outpatient therapy, each with the clauses of the source that it rests on."""


@app.command(epilog="Example: [bold]therapy-policy decide examples/pt_visit.json[/bold]")
def decide(file: RequestFile, sidecar: SidecarUrl = None) -> int:
    """Decide one request and print the decision as JSON.

    Exit status: 0 a decision, 1 an invalid request, 2 a file or usage error, 3 no engine to answer.
    """
    decision = _decision(file, sidecar)
    _print_json(decision)
    return _status_of(decision)


@app.command(epilog="Example: [bold]therapy-policy batch examples/claims.jsonl --output decisions.jsonl[/bold]")
def batch(
    file: Annotated[str, typer.Argument(metavar="IN.jsonl", help="Requests, one a line; - reads standard input.")],
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="OUT.jsonl", help="Where decisions go, one a line; - is standard output."
        ),
    ],
    sidecar: SidecarUrl = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace OUT.jsonl if it is there, and drop an unfinished run.")
    ] = False,
) -> int:
    """Decide many requests, one a line, into as many decisions, one a line and in the same order.

    A line that is no JSON gets an invalid_request decision of its own. The output is OUT.jsonl.partial until it is
    finished; a run that was stopped goes on with --resume.

    Exit status: 0 all decided, 1 all decided and some request is invalid, 2 a file or usage error, 3 no engine to
    answer, 130 stopped by Ctrl-C.
    """
    invalid = run(file, output, partial(_engine, sidecar), _write_out, resume=resume, force=force)
    return INVALID if invalid else DECIDED


@app.command(epilog="Example: [bold]therapy-policy explain examples/pediatric_ot_claim.json[/bold]")
def explain(file: RequestFile, sidecar: SidecarUrl = None) -> int:
    """Decide one request and say why, for a person to read.

    Exit status: 0 a decision, 1 an invalid request, 2 a file or usage error, 3 no engine to answer.
    """
    decision = _decision(file, sidecar)

    from therapy_policy.explain import explain as print_explanation

    _write_text(_printed(partial(print_explanation, decision)))
    return _status_of(decision)


@app.command(epilog="Example: [bold]therapy-policy validate examples/bad_request.json[/bold]")
def validate(
    file: RequestFile,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list of path, expected and found.")] = False,
) -> int:
    """Say what is wrong with a request by the published schema, place by place; no engine is asked.

    Exit status: 0 a valid request, 1 an invalid one, 2 a file or usage error.
    """
    text = _request(file)

    from therapy_policy.validation import misfits, parsed

    found = misfits(parsed(text))
    if as_json:
        _print_json([misfit.as_dict() for misfit in found])
    elif found:
        from therapy_policy.explain import shown

        lines = [f"{len(found)} wrong {'place' if len(found) == 1 else 'places'}:"]
        for misfit in found:
            lines += [
                shown(misfit.path) or "(the whole request)",
                f"  expected: {misfit.expected}",
                f"  found: {misfit.found}",
            ]
        _write_text("\n".join(lines) + "\n")
    else:
        _write_out(b"The request is valid.\n")
    return INVALID if found else DECIDED


@app.command(epilog="Example: [bold]therapy-policy replay sidecar.log --bundle policies[/bold]")
def replay(
    log: Annotated[
        str,
        typer.Argument(
            metavar="LOG", help="The sidecar's log, or with --requests what batch wrote; - reads standard input."
        ),
    ],
    requests: Annotated[
        str | None,
        typer.Option(
            "--requests",
            metavar="IN.jsonl",
            help="The file that batch read, where LOG is what it wrote, which holds decisions alone.",
        ),
    ] = None,
    bundle: BundleName = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> int:
    """Decide everything in a log again, and say what comes out otherwise than it did then.

    Everything of a decision is compared but the version of the policy. Requests that were refused cannot be replayed
    from the sidecar's log, which keeps only their type; they are counted. Nothing of a request is printed.

    Exit status: 0 all that can be replayed is identical, 1 some decision differs, 2 a file or usage error, also where
    lines are cut off or nothing can be replayed, 3 no engine to answer.
    """
    from therapy_policy.replay import replay as replay_log

    report = replay_log(log, requests, _bundle(bundle))
    if as_json:
        _print_json(report.as_dict())
    else:
        _write_text("\n".join(report.as_lines()) + "\n")
    if report.different:
        return INVALID
    if report.incomplete:
        raise FileProblem(report.incomplete)
    return DECIDED


@app.command(epilog="Example: [bold]therapy-policy source-check page.txt[/bold]")
def source_check(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The text of the source page of today; - reads standard input.")
    ],
    bundle: BundleName = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> int:
    """Say which clauses' paragraphs still stand on the source page as they were reviewed, and which do not.

    Open the page in a browser, select all, and copy it into a text file. White space, punctuation, capitals and the
    marks of lists do not count; a word, a number, or one of + = < > % does.

    Exit status: 0 all paragraphs stand, 1 something changed, 2 a file or usage error.
    """
    from therapy_policy.source_check import check

    report = check(file, _bundle(bundle))
    if as_json:
        _print_json(report.as_dict())
    else:
        _write_text("\n".join(report.as_lines()) + "\n")
    return DECIDED if report.all_stand else INVALID


@app.command(epilog="Example: [bold]therapy-policy diff HEAD policies --type pt_visit[/bold]")
def diff(
    old: Annotated[
        str, typer.Argument(metavar="OLD", help="A bundle file, a directory of policies, or a git revision of one.")
    ],
    new: Annotated[
        str | None, typer.Argument(metavar="[NEW]", help="Another one; without it, the policy installed here.")
    ] = None,
    request_type: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Decide requests of this type only; may be given again."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Decide a slice of the classes of requests, in seconds; it can miss a flip.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Write the report as a page, too, for a browser.")
    ] = None,
) -> int:
    """Say what changed between two policies: in numbers, codes, clauses and wording, and in which decisions.

    All classes of requests that the rules can tell apart are decided by both, which takes a few minutes; of request
    types that no change can bear on, only a slice. What is decided otherwise is shown by kind, each with how many
    classes flip, what they have in common, and a smallest request. Another message, remedy, summary or title is no
    change of behaviour.

    Exit status: 0 no change of behaviour (wording may differ), 1 some request is decided otherwise, 2 a file or usage
    error, 3 no engine or no OPA.
    """
    from therapy_policy.batch import stoppable
    from therapy_policy.bundles import BundleNotUsable
    from therapy_policy.classes import REQUEST_TYPES
    from therapy_policy.diff.report import difference, examples, page, print_difference

    if unknown := [name for name in request_type or () if name not in REQUEST_TYPES]:
        raise FileProblem(f"there is no request type {unknown[0]}; it is one of {', '.join(REQUEST_TYPES)}")
    if html is not None and (os.path.isdir(html) or not os.path.isdir(os.path.dirname(html) or ".")):
        raise FileProblem(f"{html} cannot be written; give --html the name of a file in a directory that is there")
    with stoppable():
        bundles = _bundle(old), _bundle(new)
        try:
            document = difference(*bundles, request_type or list(REQUEST_TYPES), examples(), quick=quick)
        except BundleNotUsable as problem:
            raise FileProblem(str(problem)) from None
    if html is not None:
        with open(html, "w", encoding="utf-8") as file:
            file.write(page(document))
    if as_json:
        _print_json(document)
    else:
        _write_text(_printed(partial(print_difference, document)))
    return INVALID if document["behaviour_changed"] else DECIDED


@app.command(epilog="Example: [bold]therapy-policy review --output review[/bold]")
def review(
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Where the site goes: a new or empty directory, or an earlier review."
        ),
    ],
    bundle: BundleName = None,
) -> int:
    """Write the policy as a static site, for those who sign it off to read, print and try.

    Every clause with what becomes of it, a decision table for each type of request with the rules beside it, the
    numbers, the interpretations, the reason codes, worked examples, and a form to try a request. It works from a file,
    and is the same bytes for the same policy. The path of its first page is printed.

    Exit status: 0 written, 2 a file or usage error, 3 no OPA, no engine, or nothing to draw with.
    """
    from therapy_policy.review.reading import NotReadable
    from therapy_policy.review.site import NotOurs, check_ours, write_site

    try:
        check_ours(output)
        index = write_site(_bundle(bundle), output, lambda step: print(step, file=sys.stderr, flush=True))
    except (NotOurs, NotReadable) as problem:
        raise FileProblem(str(problem)) from None
    _write_text(f"{index}\n")
    return DECIDED


@app.command(epilog="Example: [bold]therapy-policy serve --port 8181[/bold]")
def serve(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The port to listen on.")] = 8181,
) -> int:
    """Run the sidecar: OPA with this policy, on 127.0.0.1, until Ctrl-C.

    Exit status: 0 stopped, 2 a usage error, 3 no OPA, or the port is taken.
    """
    from therapy_policy.serve import serve as run_sidecar

    return run_sidecar(port)


if __name__ == "__main__":
    main()
