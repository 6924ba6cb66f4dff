"""The command `therapy-policy`.

Results go to standard output, everything else to standard error. Only the commands that use an engine import it.
"""

from __future__ import annotations

import ipaddress
import json
import os
import sys
import tempfile
from dataclasses import asdict
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, cast

import typer

from therapy_policy.client.request_text import MAX_REQUEST_BYTES, checked_text, request_text
from therapy_policy.errors import (
    DECIDED,
    INVALID,
    NO_ENGINE,
    USAGE,
    FileNotUsable,
    PolicyNotSigned,
    RequestError,
    RequestTooLarge,
    Stopped,
    TherapyPolicyError,
)
from therapy_policy.files import display_name, from_here, packaged_json
from therapy_policy.inputs import read_request
from therapy_policy.wording import count_of, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from therapy_policy.client.decision import Answered, Client, Decision
    from therapy_policy.client.sidecar import SidecarClient
    from therapy_policy.policy.bundles import Bundle
    from therapy_policy.policy.sign_offs import Point
    from therapy_policy.policy.signatures import Verification
    from therapy_policy.sidecar.front import Front
    from therapy_policy.sidecar.updates import BundleSource

_Result = TypeVar("_Result")

NEXT_STEPS = """\
Next:
  1. make generate
  2. make test
  3. Commit the record, the policy and the generated files together.
"""
READER_GONE = 141  # as the shell reports a command that a closed pipe ended

EXIT_STATUS = "Exit status: 0 done, 1 an invalid request or a finding, 2 a file or usage error, 3 no engine to answer."

app = typer.Typer(
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_STATUS,
)
bundle_app = typer.Typer(help="Sign a bundle for shipping, and verify one.", epilog=EXIT_STATUS)
app.add_typer(bundle_app, name="bundle")

RequestFile = Annotated[str, typer.Argument(metavar="FILE", help="A request as JSON; - reads standard input.")]
SidecarUrl = Annotated[
    str | None,
    typer.Option(
        "--sidecar", metavar="URL", help="Ask the sidecar at this URL (or unix:///PATH) instead of the embedded engine."
    ),
]
BundleName = Annotated[
    str | None,
    typer.Option(
        "--bundle",
        metavar="NAME",
        help="A bundle file, a directory of policies, the version of a release, or a git revision. Default: the "
        "installed policy.",
    ),
]
VerificationKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--verification-key",
        metavar="KEYID=FILE",
        help="Use the bundle only if it is signed with this key: the key's ID, and the public key in PEM format. "
        "Repeat it for each accepted key.",
    ),
]
VerificationScope = Annotated[
    str | None,
    typer.Option("--verification-scope", metavar="SCOPE", help="The scope that the bundle must be signed with."),
]
AtLeastVersion = Annotated[
    str | None,
    typer.Option("--at-least-version", metavar="VERSION", help="Reject a bundle with an older policy than this one."),
]
PoliciesDirectory = Annotated[
    Path, typer.Argument(metavar="POLICIES", help="The directory of policies, beside releases/.")
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


def _not_a_request(file: str, problem: RequestError) -> FileNotUsable:
    return FileNotUsable(f"{display_name(file)} does not hold a request: {problem.problem}. Correct it and try again.")


def _engine(sidecar: str | None, bundle: str | None = None, verification: Verification | None = None) -> Client:
    if sidecar is not None and bundle is not None:
        raise typer.BadParameter("a sidecar decides by its own policy. Leave out --sidecar or --bundle")
    if bundle is not None:
        return _bundle(bundle, verification=verification).client()
    if sidecar is None:
        from therapy_policy.client.embedded import EmbeddedClient

        return EmbeddedClient()
    from therapy_policy.client.sidecar import SidecarClient

    return SidecarClient(sidecar)


def _bundle(name: str | None, *, checked: bool = True, verification: Verification | None = None) -> Bundle:
    from therapy_policy.policy.bundles import load, packaged_bundle

    if name is None:
        return packaged_bundle()

    from rich.console import Console

    with Console(stderr=True, markup=False).status("Compiling the bundle …"):
        return load(name, checked=checked, verification=verification)


def _verification(keys: list[str] | None, scope: str | None, at_least_version: str | None) -> Verification | None:
    """Return what a bundle must be signed with; raise `BadParameter` if the options do not fit together."""
    if not keys:
        if scope or at_least_version:
            raise typer.BadParameter("--verification-scope and --at-least-version need --verification-key")
        return None

    from therapy_policy.policy.releases import is_version
    from therapy_policy.policy.signatures import Verification

    if at_least_version and not is_version(at_least_version):
        raise typer.BadParameter("--at-least-version takes the version of a policy, such as 2.0.1")
    files: dict[str, Path] = {}
    for key in keys:
        key_id, _, file = key.partition("=")
        if not key_id or not file:
            raise typer.BadParameter("--verification-key takes KEYID=FILE")
        if key_id in files:
            raise typer.BadParameter(f"--verification-key has two files for {key_id}. Each key needs its own ID")
        files[key_id] = Path(file)
    return Verification(files, scope, at_least_version)


def _verification_of_bundle(
    bundle: str | None, keys: list[str] | None, scope: str | None, at_least_version: str | None
) -> Verification | None:
    verification = _verification(keys, scope, at_least_version)
    if verification and bundle is None:
        raise typer.BadParameter("--verification-key needs --bundle")
    return verification


def _records(sign_offs: str | None) -> Path | None:
    if sign_offs is not None and not os.path.isdir(sign_offs):
        raise FileNotUsable(f"{sign_offs} is not a directory. Give --sign-offs the directory with reviewers.yaml.")
    return None if sign_offs is None else Path(sign_offs)


def _ask(
    file: str,
    ask: Callable[[Client, bytes], _Result],
    sidecar: str | None,
    bundle: str | None = None,
    verification: Verification | None = None,
) -> _Result:
    """Return what an engine answers when it is asked about the request in a file."""
    content = read_request(file, MAX_REQUEST_BYTES)
    with _engine(sidecar, bundle, verification) as client:
        try:
            return ask(client, content)
        except RequestError as problem:
            raise _not_a_request(file, problem) from None


def _decide(client: Client, text: bytes) -> Decision:
    return client.decide_text(text)


def _answer(client: Client, text: bytes) -> Answered:
    return client.answer_text(text)


def _status_of(decision: Decision) -> int:
    return INVALID if decision["outcome"] == "invalid_request" else DECIDED


def _print_version(wanted: bool) -> None:
    if wanted:
        policy_version = packaged_json("data.json")["therapy"]["register"]["policy"]["version"]
        _write_out(f"therapy-policy {metadata.version('therapy-policy')}, policy {policy_version}\n".encode())
        raise typer.Exit


def _require_arrow() -> None:
    try:
        import duckdb  # noqa: F401
        import pyarrow  # noqa: F401
    except ImportError:
        raise FileNotUsable(
            "bulk needs pyarrow and DuckDB, which are not installed. Run: pip install 'therapy-policy[bulk]'"
        ) from None


def _print_arrow_schemas(wanted: bool) -> None:
    if wanted:
        _require_arrow()
        from therapy_policy.bulk.arrow_schema import decision_schema, request_schema

        both = (("Requests", request_schema()), ("Decisions", decision_schema(against=True, decision_texts=True)))
        for title, columns in both:
            _write_text(f"{title}:\n{columns.to_string(truncate_metadata=False)}\n\n")
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
def decide(
    file: RequestFile,
    sidecar: SidecarUrl = None,
    bundle: BundleName = None,
    verification_key: VerificationKeys = None,
    verification_scope: VerificationScope = None,
    at_least_version: AtLeastVersion = None,
) -> int:
    """Decide one request and print the decision as JSON.

    `--bundle 1.0.0` decides by the policy of that release. A bundle file that is signed needs `--verification-key`.

    Exit status: 0 a decision, 1 an invalid request, 2 a file or usage error, 3 no engine to answer.
    """
    verification = _verification_of_bundle(bundle, verification_key, verification_scope, at_least_version)
    decision = _ask(file, _decide, sidecar, bundle, verification)
    _print_json(decision)
    return _status_of(decision)


@app.command(epilog="Example: `therapy-policy answer examples/pt_referral.json`")
def answer(
    file: RequestFile,
    sidecar: SidecarUrl = None,
    bundle: BundleName = None,
    verification_key: VerificationKeys = None,
    verification_scope: VerificationScope = None,
    at_least_version: AtLeastVersion = None,
) -> int:
    """Decide one request; print the decision and what to tell the provider in the terms of HIPAA transactions, as JSON.

    `decision` is what `decide` prints. `answer` has the action (A1 authorized, A3 denied, A4 pended, A6 authorized in
    part, CT handed on, null for an invalid request), why (X12 list 886; per line of a claim, also CARC and RARC), what
    was asked and granted, which documents are needed, when the authorization ends, and a text for people.
    `schemas/answer.json` describes each field.

    Which codes a reason gets is in the register `standard_answers` of the policy; a plan puts its own there. Policies
    before 2.1.0 have none.

    Exit status: 0 an answer, 1 an invalid request, 2 a file or usage error, 3 no engine to answer.
    """
    verification = _verification_of_bundle(bundle, verification_key, verification_scope, at_least_version)
    answered = _ask(file, _answer, sidecar, bundle, verification)
    _print_json(answered)
    return _status_of(answered["decision"])


@app.command(epilog="Example: `therapy-policy batch examples/claims.jsonl --output decisions.jsonl`")
def batch(
    file: Annotated[
        str,
        typer.Argument(
            metavar="IN.jsonl", help="One request as JSON per line, or in a JSON array; - reads standard input."
        ),
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
    """Decide a file of requests, one per line or in a JSON array; write one decision per line, in the same order.

    A request that is not valid JSON gets its own invalid_request decision. One that the engine fails to decide gets a
    line with `not_decided`, and needs a person. The file can be compressed with gzip.
    The output is named OUT.jsonl.partial until it is finished; --resume continues an interrupted run.

    Exit status: 0 all decided, 1 all decided and some request is invalid, 2 a file or usage error, 3 no engine to
    answer or a request that it failed to decide, 130 stopped by Ctrl-C.
    """
    from therapy_policy.bulk.batch import run

    tally = run(file, output, partial(_engine, sidecar), _write_out, resume=resume, force=force)
    if tally.not_decided:
        return NO_ENGINE
    return INVALID if tally.outcomes["invalid_request"] else DECIDED


@app.command(epilog="Example: `therapy-policy bulk claims.parquet --output decisions.parquet --against old.tar.gz`")
def bulk(
    file: Annotated[
        str,
        typer.Argument(
            metavar="IN",
            help="Requests: a .parquet file with columns that --schema prints (any other with a value in it is an "
            "error), or one request as JSON per line (or in a JSON array), also in a gzip file; - reads standard "
            "input.",
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="Where the decisions go, one row per request in the same order: a file that ends in .parquet, .jsonl "
            "or .jsonl.gz; - writes JSON Lines to standard output.",
        ),
    ],
    bundle: BundleName = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="NAME",
            help="Also decide by this policy (as for --bundle), and report which requests flip.",
        ),
    ] = None,
    decisions: Annotated[
        bool, typer.Option("--decisions", help="Add the column `decision`: the whole decision as JSON.")
    ] = False,
    summary: Annotated[
        str | None, typer.Option("--summary", metavar="FILE", help="Write the summary to this file, as JSON.")
    ] = None,
    look_at: Annotated[
        int, typer.Option("--look-at", metavar="N", min=0, help="Name up to N requests for each kind of flip.")
    ] = 10,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", min=1, help="Use N processes. Default: one per processor.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted run.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace OUT if it exists, and discard an unfinished run.")
    ] = False,
    schema: Annotated[
        bool,
        typer.Option(
            "--schema",
            callback=_print_arrow_schemas,
            is_eager=True,
            help="Print the columns of requests and of decisions as Arrow schemas.",
        ),
    ] = False,
) -> int:
    """Decide millions of requests on all processors, into columns: outcome, units, codes of reasons and so on.

    Requests that the rules cannot tell apart are decided once: they differ only in `request_id`, in what a free text
    says, or in dates of the same period. A summary by outcome, reason and month goes to standard error.
    With --against, the summary also says which requests flip and which way, and OUT has both decisions of each.
    Finished parts are kept in OUT.parts until OUT is complete; --resume continues an interrupted run.
    This needs `pip install 'therapy-policy[bulk]'`.

    Exit status: 0 all decided, 1 all decided and some request is invalid, 2 a file or usage error, 3 no engine to
    answer or a request that it failed to decide (its row has `not_decided`), 130 stopped by Ctrl-C.
    """
    _require_arrow()
    from therapy_policy.bulk.record_batches import Policy
    from therapy_policy.bulk.run import Options, output_format
    from therapy_policy.bulk.run import run as run_bulk

    def policy(name: str | None) -> Policy:
        return Policy() if name is None else Policy.of(_bundle(name))

    if summary is not None:
        _check_summary(Path(summary), file, output)
    options = Options(
        source=file,
        output_format=output_format(output),
        policy=policy(bundle),
        against=policy(against) if against is not None else None,
        decision_texts=decisions,
        most_ids=look_at,
    )
    counts = run_bulk(
        options,
        output,
        _write_out,
        workers=workers,
        resume=resume,
        force=force,
        command=["therapy-policy", *sys.argv[1:]],
    )
    print("\n".join(counts.as_lines()), file=sys.stderr)
    if summary is not None:
        Path(summary).write_text(json.dumps(counts.as_dict(), indent=2) + "\n", encoding="utf-8")
    if counts.not_decided:
        return NO_ENGINE
    return INVALID if counts.outcomes["invalid_request"] else DECIDED


def _check_summary(summary: Path, source: str, output: str) -> None:
    """Raise an error, before a long run, if its summary could not be written or would replace another of its files."""
    if not summary.parent.is_dir() or summary.is_dir():
        raise FileNotUsable(f"{summary} cannot be written. Give --summary a file name in a directory that exists.")
    if summary.resolve() in (Path(source).resolve(), Path(output).resolve()):
        raise FileNotUsable(f"{summary} is the input or the output. Give --summary another name.")


@app.command(epilog="Example: `therapy-policy explain examples/pediatric_ot_claim.json`")
def explain(file: RequestFile, sidecar: SidecarUrl = None) -> int:
    """Decide one request and explain the decision for a person.

    Exit status: 0 a decision, 1 an invalid request, 2 a file or usage error, 3 no engine to answer.
    """
    decision = _ask(file, _decide, sidecar)

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
        text = checked_text(read_request(file, MAX_REQUEST_BYTES)).text
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


def _check_base(base: str | None) -> str | None:
    from therapy_policy.interop.questionnaire import check_base

    if base is not None:
        try:
            check_base(base)
        except ValueError as problem:
            raise typer.BadParameter(str(problem)) from None
    return base


FhirServer = Annotated[
    str | None,
    typer.Option(
        "--base",
        metavar="URL",
        callback=_check_base,
        help="Your FHIR server, for the canonical URL: URL/Questionnaire/pt-referral.",
    ),
]


@app.command(epilog="Example: `therapy-policy questionnaire pt_referral`")
def questionnaire(
    request_type: Annotated[
        str, typer.Argument(metavar="REQUEST_TYPE", help="pt_referral, pt_treatment_plan or pt_extension.")
    ],
    base: FhirServer = None,
) -> int:
    """Print the FHIR R4 Questionnaire with which a provider states a request.

    The linkId of each question is the path of its field in the request, without positions in lists. The plan's own
    facts, `request_id` and `benefit_status`, are not asked. The version is the version of the policy.

    Exit status: 0 done, 2 a usage error.
    """
    from therapy_policy.interop.questionnaire import REQUEST_TYPES
    from therapy_policy.interop.questionnaire import questionnaire as questionnaire_of

    for each in REQUEST_TYPES:
        if each == request_type:
            _print_json(questionnaire_of(each, base))
            return DECIDED
    raise typer.BadParameter(f"REQUEST_TYPE is {', '.join(REQUEST_TYPES[:-1])} or {REQUEST_TYPES[-1]}")


@app.command(epilog="Example: `therapy-policy questionnaire-response examples/pt_referral.json`")
def questionnaire_response(
    file: RequestFile,
    base: FhirServer = None,
    status: Annotated[
        Literal["completed", "in-progress"],
        typer.Option(
            "--status", help="`in-progress` for a form that the provider is to complete; `request-from` refuses it."
        ),
    ] = "completed",
) -> int:
    """Print the QuestionnaireResponse that states the same as a request; `request-from` turns it back.

    The response leaves out what the plan states, `request_id` and `benefit_status`, and what says nothing, for example
    null.

    Exit status: 0 done, 2 a file that does not hold a valid request of a type with a questionnaire, or a usage error.
    """
    from therapy_policy.client.validation import parse
    from therapy_policy.interop.questionnaire import response_of

    try:
        response = response_of(parse(checked_text(read_request(file, MAX_REQUEST_BYTES)).text), base, status=status)
    except RequestError as problem:
        raise _not_a_request(file, problem) from None
    _print_json(response)
    return DECIDED


@app.command(
    epilog="Example: `therapy-policy request-from --questionnaire-response response.json --benefit-status covered`"
)
def request_from(
    questionnaire_response: Annotated[
        str,
        typer.Option(
            "--questionnaire-response",
            metavar="FILE",
            help="A FHIR R4 QuestionnaireResponse as JSON; - reads standard input.",
        ),
    ],
    request_id: Annotated[
        str | None, typer.Option("--request-id", metavar="ID", help="Your reference for the request.")
    ] = None,
    benefit_status: Annotated[
        str | None,
        typer.Option(
            "--benefit-status",
            metavar="STATUS",
            help="What you know of the member's benefits: covered, not_covered or unverified. Default: not stated, "
            "so that the request pends.",
        ),
    ] = None,
) -> int:
    """Print the request that a provider's QuestionnaireResponse states, ready for `decide`.

    Only answers count: what nobody answered is not stated, and no fact comes from a diagnosis code. The response must
    be completed or amended, and answer the questionnaire of this policy (versions that differ in the patch number ask
    the same). Each error has its place in the response, and no text of it.

    Exit status: 0 done, 1 an error in the response, 2 a file or usage error.
    """
    from therapy_policy.client.validation import parse
    from therapy_policy.interop.questionnaire import MAX_RESPONSE_BYTES, request_of

    try:
        text = read_request(questionnaire_response, MAX_RESPONSE_BYTES)
        response = parse(checked_text(text, MAX_RESPONSE_BYTES).text)
    except RequestError as problem:
        raise FileNotUsable(
            f"{display_name(questionnaire_response)} does not hold a questionnaire response: {problem.problem}. "
            "Correct it and try again."
        ) from None
    try:
        request = request_of(response, request_id=request_id, benefit_status=benefit_status)
    except RequestError as problem:
        raise typer.BadParameter(f"--request-id or --benefit-status: {problem.problem}") from None
    try:
        text_of_request = request_text(request).text
    except RequestTooLarge as problem:
        raise FileNotUsable(
            f"The request in {display_name(questionnaire_response)} cannot be decided: {problem.problem}. "
            "Shorten the answers."
        ) from None
    if len(text_of_request) > MAX_REQUEST_BYTES // 2:  # with line breaks it could be too large to be read again
        _write_out(text_of_request.encode())
    else:
        _print_json(request)
    return DECIDED


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
    each: Annotated[
        bool,
        typer.Option("--each", help="Also list each request to reopen, whose decision differs in more than words."),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Re-decide every request in a decision log and report what changed.

    The log can be as Docker, Kubernetes, syslog or OPA's upload keep it, and compressed with gzip. Parts of an entry
    are joined, and entries that are cut off are counted apart from lines that are damaged.

    Decisions are compared in full, except for the policy version. The sidecar's log keeps only the type of an invalid
    request, so those are counted but not replayed. Nothing from a request is printed, except its request_id by --each.

    Exit status: 0 every decision that can be replayed is identical, 1 some decision differs, 2 a file or usage error
    (including a log with gaps or damage, and logs in which nothing can be replayed), 3 no engine to answer.
    """
    from therapy_policy.bulk.replay import replay as replay_log

    report = replay_log(log, requests, _bundle(bundle), each=each)
    _print_report(report, as_json)
    if report.different:
        return INVALID
    if report.incomplete:
        raise FileNotUsable(report.incomplete)
    return DECIDED


@app.command(epilog="Example: `therapy-policy metrics sidecar.log --received received.csv`")
def metrics(
    log: Annotated[
        str, typer.Argument(metavar="LOG", help="The sidecar's log, or the output of batch; - reads standard input.")
    ],
    received: Annotated[
        str | None,
        typer.Option(
            "--received",
            metavar="FILE",
            help="The prior authorization requests that you received, as CSV or JSON Lines: request_id, received_at, "
            "answered_at, expedited, answer, extended, approved_after_appeal.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Print the yearly prior authorization metrics of CMS-0057-F: counts, percentages, mean and median times.

    The log has what the policy decided; the last decision on a `request_id` counts. FILE has what only you know, and is
    what is counted. Write times like 2026-03-02T08:15:00-10:00, and flags as true or false. Your `answer` (approved,
    partially_approved or denied) is needed where a person answered, and replaces what the policy decided.

    A figure is printed only if every request that it is about has its data. If not, the report names what is missing
    and where. Nothing is estimated. A request that was denied in part counts as denied. Answers in time are of the
    requests that are due when you run this, without those whose time was extended.

    Exit status: 0 every figure has its data, 1 some figure has no data, 2 a file or usage error.
    """
    from therapy_policy.interop.metrics import metrics as metrics_of

    report = metrics_of(log, received)
    _print_report(report, as_json)
    return DECIDED if report.complete else INVALID


@app.command(epilog="Example: `therapy-policy source-check page.txt`")
def source_check(
    file: Annotated[
        str | None, typer.Argument(metavar="FILE", help="The current text of the source page; - reads standard input.")
    ] = None,
    snapshot: Annotated[
        str | None,
        typer.Option(
            "--snapshot",
            metavar="FILE",
            help="The text of the page as it was last reviewed, to show old and new word by word.",
        ),
    ] = None,
    record: Annotated[
        bool,
        typer.Option("--record", help="Add this check to source-checks.yaml beside the policies; needs --by and --on."),
    ] = False,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="NAME", help="Who checked: an id of reviewers.yaml, if there is one."),
    ] = None,
    on: Annotated[
        str | None, typer.Option("--on", metavar="DATE", help="The day of the check, such as 2026-03-31.")
    ] = None,
    last: Annotated[bool, typer.Option("--last", help="Only print the last recorded check, without FILE.")] = False,
    bundle: BundleName = None,
    as_json: AsJson = False,
) -> int:
    """Report what moved, changed, or is new on the source page since it was last reviewed.

    Open the page in a browser, select all, and copy it into a text file. White space, punctuation, capitalization and
    list markers are ignored; words, numbers, the signs + = < > %, the order of paragraphs and the heading above each
    are compared. With --record, the page is compared with the directory `policies`, unless --bundle names another.

    Exit status: 0 nothing changed, 1 something changed, 2 a file or usage error.
    """
    if last == (file is not None) or (last and (record or snapshot)):
        raise FileNotUsable("Give FILE, the current text of the source page, or only --last.")
    if not (record == (by is not None) == (on is not None)):
        raise FileNotUsable("Give --record, --by and --on together, or none of them.")
    if last:
        return _last_source_check(bundle, as_json)

    from therapy_policy.change.source_check import check, recorded
    from therapy_policy.policy.source_checks import refuse_unknown

    assert file is not None
    if by is None or on is None:
        report = check(file, _bundle(bundle, checked=False), snapshot)  # no decision depends on the fingerprints
    else:
        root = _directory_of_records(bundle or "policies")
        refuse_unknown(root, by, on)
        compared = _bundle(bundle or "policies", checked=False)
        report = recorded(check(file, compared, snapshot), compared, root, by, on)
    _print_report(report, as_json)
    return DECIDED if report.unchanged else INVALID


def _last_source_check(bundle: str | None, as_json: bool) -> int:
    from therapy_policy.policy.source_checks import last_source_check

    check = last_source_check(_directory_of_records(bundle or "policies"))
    if as_json:
        _print_json(None if check is None else asdict(check))
    elif check is None:
        _write_text("No check of the source page is recorded.\n")
    else:
        _write_text(f"The source page was last checked on {check.in_words}.\n")
    return DECIDED


def _directory_of_records(name: str) -> Path:
    from therapy_policy.policy.bundles import directory_of_records

    if (root := directory_of_records(name)) is None:
        raise FileNotUsable(
            f"{name} is not a directory of policies, so there are no records beside it. Give a directory of policies."
        )
    return root


@app.command(epilog="Example: `therapy-policy check policies`")
def check(
    policies: Annotated[
        str | None,
        typer.Argument(
            metavar="POLICIES",
            help="A directory of policies, one that contains `policies`, or a bundle file. Default: ./policies.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the findings as a JSON list of file, line and message.")
    ] = False,
    require_signed: Annotated[
        bool,
        typer.Option("--require-signed", help="Also report each interpretation, and the release, that is not signed."),
    ] = False,
) -> int:
    """Check whether a policy can be used, and list everything that has to be corrected.

    Run it after each edit. Each finding has the file and the line, what is there, and what can be there; if a name
    looks misspelled, the finding has the nearest name too. The numbers, lists, dates, clauses, codes and messages are
    checked against the schemas in `schemas/policy`, against each other and the rules, and against the ceiling in
    `policies/ceiling.yaml`. All findings are listed, and no file is changed.

    No other command builds, loads or compares a policy that has findings.

    If there are none, a summary of the sign-offs beside the policies goes to standard error.

    Exit status: 0 the policy can be used, 1 there are findings, 2 a file or usage error, 3 OPA is unavailable.
    """
    from therapy_policy.policy.bundles import check as findings_about
    from therapy_policy.policy.bundles import directory_of_records, load_uncompiled
    from therapy_policy.policy.sign_offs import points_of, summary_lines

    findings = findings_about(policies)
    if as_json:
        _print_json([finding.as_dict() for finding in findings])
    else:
        _write_text("".join(f"{printable(str(finding))}\n" for finding in findings) or "The policy can be used.\n")
    if findings:
        return INVALID
    directory = policies or "policies"
    if (root := directory_of_records(directory)) is None:
        if require_signed:
            raise FileNotUsable(f"{directory} is a bundle file, which has no sign-offs beside it. Give a directory.")
        return DECIDED
    points = points_of(load_uncompiled(directory), root)
    if require_signed:
        _refuse_unsigned(points)
    for line in summary_lines(points):
        print(printable(line), file=sys.stderr)
    return DECIDED


@app.command(epilog="Example: `therapy-policy diff HEAD policies --type pt_visit`")
def diff(
    old: Annotated[
        str,
        typer.Argument(
            metavar="OLD", help="A bundle file, a directory of policies, the version of a release, or a git revision."
        ),
    ],
    new: Annotated[str | None, typer.Argument(metavar="NEW", help="The same; default: the installed policy.")] = None,
    request_type: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Compare decisions on this request type only; can be repeated."),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Compare a sample only; takes half a minute, but can miss a changed decision."),
    ] = False,
    as_json: AsJson = False,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Also write the report as a web page.")
    ] = None,
) -> int:
    """Compare two policies: numbers, codes, clauses, wording and rules, and the decisions that change.

    Both policies decide every class of requests that the rules can tell apart, which can take an hour; types of
    requests that the change cannot affect are only sampled. Changed decisions are grouped, with the number of request
    classes affected, what they share, and the smallest example. A change in wording alone is not a change in
    behavior.

    Exit status: 0 no change in behavior (wording may differ), 1 some decision changes, 2 a file or usage error, 3 no
    engine or no OPA.
    """
    from therapy_policy.change.diff import diff as compare
    from therapy_policy.change.diff import examples
    from therapy_policy.change.render import print_report
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
        from therapy_policy.review.diff_page import html_page

        with open(html, "w", encoding="utf-8") as file:
            file.write(html_page(document))
    if as_json:
        _print_json(document)
    else:
        _write_text(_on_console(partial(print_report, document)))
    return INVALID if document["behavior_changed"] else DECIDED


@app.command(epilog="Example: `therapy-policy accept --date 2026-12-01`")
def accept(
    policies: PoliciesDirectory = Path("policies"),
    day: Annotated[
        str | None,
        typer.Option(
            "--date", metavar="YYYY-MM-DD", help="The date of acceptance. Dates through this one have passed."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Accept without a question.")] = False,
    sample: Annotated[
        str | None,
        typer.Option("--sample", metavar="TYPE", hidden=True, help="For tests: decide a sample of one request type."),
    ] = None,
) -> int:
    """Accept a policy as a new release: compare it with the newest one, and write releases/VERSION.yaml.

    Both policies decide every class of requests and the examples, which can take an hour. The report shows what
    changed in numbers, words and behavior. The version must fit: a patch version for new wording, a minor version if
    decisions for dates to come or standard answers change, a major version if decisions for dates that have passed
    change.

    Exit status: 0 accepted or unchanged, 1 not accepted, 2 a file or usage error, 3 no engine or no OPA.
    """
    from therapy_policy.change.accept import propose
    from therapy_policy.change.render import print_report
    from therapy_policy.files import stoppable

    asks = sys.stdin is not None and sys.stdin.isatty()
    if day is None:
        if not asks:
            raise typer.BadParameter("give --date YYYY-MM-DD, the date of acceptance")
        day = str(typer.prompt("Date of acceptance (YYYY-MM-DD)", err=True))
    if not yes and not asks:
        raise typer.BadParameter("give --yes to accept without a question, or run this in a terminal")
    with stoppable():
        proposal = propose(policies, day, lambda step: print(step, file=sys.stderr, flush=True), sample=sample)
    if proposal is None:
        _write_text("The policy is the newest release, unchanged. There is nothing to accept.\n")
        return DECIDED
    if proposal.document:
        _write_text(_on_console(partial(print_report, proposal.document)))
    for missing in proposal.missing:
        print("\n".join(missing.as_lines()), file=sys.stderr)
    print(proposal.check_version(), file=sys.stderr)
    what = f"policy {proposal.release.version} on {day}"
    if not yes and not typer.confirm(f"Accept {what}?", err=True):
        print("Nothing was written.", file=sys.stderr)
        return INVALID
    proposal.write()
    _write_text(f"Accepted {what}: {from_here(proposal.file)}\n{NEXT_STEPS}")
    return DECIDED


@app.command(epilog="Example: `therapy-policy history --on 2026-11-25`")
def history(
    policies: PoliciesDirectory = Path("policies"),
    on: Annotated[
        str | None, typer.Option("--on", metavar="YYYY-MM-DD", help="Print only the policy that was in force.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Show the releases of the policy: when each was in force, what it changed, and who signed it.

    Below them: whether the policy here is the newest release, and which of its points are signed, open or stale.

    Exit status: 0 releases were found, 1 no policy was in force, 2 a file or usage error, 3 OPA is unavailable.
    """
    from therapy_policy.change.history import history as history_of
    from therapy_policy.change.history import print_history, state_now

    periods = history_of(policies, on)
    if as_json:
        _print_json([period.as_dict() for period in periods])
    elif periods:
        _write_text(_on_console(partial(print_history, periods)))
    else:
        _write_text("There is no release" + (f" from {on} or before.\n" if on else ".\n"))
    if not as_json and on is None:
        _write_text("".join(f"{printable(line)}\n" for line in state_now(policies)))
    return DECIDED if periods else INVALID


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
    zip_file: Annotated[
        Path | None,
        typer.Option("--zip", metavar="FILE", help="Also write the site as one zip file, to hand on or to publish."),
    ] = None,
    bundle: BundleName = None,
    sign_offs: SignOffs = None,
) -> int:
    """Write the policy as a static website for the people who review and sign it.

    The site shows what happens to every clause, a decision table for each request type with its rules, the numbers, the
    interpretations and who signed them, the reason codes, worked examples, and a form to try a request. It works from a
    file, and the same policy with the same sign-offs gives the same bytes. The path of its first page is printed.

    Exit status: 0 written, 2 a file or usage error, 3 OPA, the engine or Graphviz is unavailable.
    """
    from therapy_policy.policy.bundles import directory_of_records
    from therapy_policy.review.output import check_output
    from therapy_policy.review.published import write_zip
    from therapy_policy.review.site import write_site

    check_output(output)
    if zip_file and zip_file.resolve().is_relative_to(output.resolve()):
        raise typer.BadParameter(
            "the file would be in the directory of the site; name one beside it", param_hint="--zip"
        )
    records = _records(sign_offs) or directory_of_records(bundle)
    policy = _bundle(bundle)
    index = write_site(policy, output, lambda step: print(step, file=sys.stderr, flush=True), records)
    if zip_file:
        write_zip(index.parent, policy.version, zip_file)
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

    if (from_file is None) == (not subject) or (from_file is None) == (verdict is None) or (from_file and comment):
        raise FileNotUsable("Give either SUBJECT and --verdict, or --from FILE.")
    if not by or not on:
        raise FileNotUsable("Say who signs and when: --by ID --on YYYY-MM-DD.")
    root = _directory_of_records(policies)
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


def _refuse_unsigned(points: list[Point]) -> None:
    from therapy_policy.policy.sign_offs import unsigned

    if missing := unsigned(points):
        raise PolicyNotSigned("\n".join([f"The policy is not signed. {count_of(len(missing), 'point')}:", *missing]))


@bundle_app.command(
    epilog="Example: `therapy-policy bundle sign --key private.pem --key-id 2026-11 --output bundle.tar.gz`"
)
def sign(
    key: Annotated[
        Path,
        typer.Option("--key", metavar="FILE", help="The private key, in PEM format and without a passphrase."),
    ],
    key_id: Annotated[str, typer.Option("--key-id", metavar="KEYID", help="The ID of the key.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="Where the signed bundle goes."),
    ],
    bundle: BundleName = None,
    scope: Annotated[
        str | None,
        typer.Option(
            "--scope", metavar="SCOPE", help="A scope that verification must then name too, such as production."
        ),
    ] = None,
) -> int:
    """Write a bundle with OPA's own signature, by a private key: RS256 for RSA, ES256 for the elliptic curve P-256.

    A bundle that `therapy-policy check` has findings about is not signed. The key stays in its file: nothing prints it.
    Whether people have signed off the policy is another question: see `therapy-policy check --require-signed`.

    Exit status: 0 written, 2 a file or usage error, 3 OPA is unavailable.
    """
    if not key_id or "=" in key_id:
        raise typer.BadParameter("--key-id needs at least one character, and none of them can be =")
    policy = _bundle(bundle)
    output.write_bytes(policy.signed(key, key_id, scope))
    _write_text(f"signed: {output}, policy {policy.revision}, key {printable(key_id)}\n")
    return DECIDED


@bundle_app.command(
    epilog="Example: `therapy-policy bundle verify bundle.tar.gz --verification-key 2026-11=public.pem`"
)
def verify(
    file: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A signed bundle file.")],
    verification_key: VerificationKeys = None,
    verification_scope: VerificationScope = None,
    at_least_version: AtLeastVersion = None,
) -> int:
    """Check whether `therapy-policy serve` would run a signed bundle with the same options.

    Verifies the signature, compiles the rules, and checks the policy as `therapy-policy check` does.

    Exit status: 0 it can be used, 2 it cannot, or a usage error, 3 OPA is unavailable.
    """
    verification = _verification(verification_key, verification_scope, at_least_version)
    if verification is None:
        raise typer.BadParameter("give at least one --verification-key KEYID=FILE")
    policy = _bundle(str(file), verification=verification)
    _write_text(f"verified: {file}, policy {policy.revision}\n")
    return DECIDED


@app.command(epilog="Example: `therapy-policy serve --port 8181`")
def serve(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The port to listen on.")] = 8181,
    require_signed: Annotated[
        bool,
        typer.Option("--require-signed", help="Start only if every interpretation and the release are signed."),
    ] = False,
    sign_offs: SignOffs = None,
    bundle: BundleName = None,
    verification_key: VerificationKeys = None,
    verification_scope: VerificationScope = None,
    at_least_version: AtLeastVersion = None,
    bundle_url: Annotated[
        str | None,
        typer.Option(
            "--bundle-url",
            metavar="URL",
            help="Follow a bundle server: https://…, http://… or oci://REGISTRY/NAME:TAG. Needs --verification-key, "
            "and --bundle-store or --at-least-version.",
        ),
    ] = None,
    bundle_poll: Annotated[
        float, typer.Option("--bundle-poll", metavar="SECONDS", min=1, help="How often to ask the bundle server.")
    ] = 60,
    bundle_store: Annotated[
        Path | None,
        typer.Option(
            "--bundle-store",
            metavar="DIR",
            help="Keep the last good bundle in this directory, to start from it while the bundle server is down.",
        ),
    ] = None,
    bundle_ca: Annotated[
        Path | None,
        typer.Option("--bundle-ca", metavar="FILE", help="The certificate authority of the bundle server."),
    ] = None,
    bundle_certificate: Annotated[
        Path | None,
        typer.Option("--bundle-certificate", metavar="FILE", help="The client certificate for the bundle server."),
    ] = None,
    bundle_key: Annotated[
        Path | None, typer.Option("--bundle-key", metavar="FILE", help="The private key of that certificate.")
    ] = None,
    bundle_token: Annotated[
        Path | None,
        typer.Option("--bundle-token", metavar="FILE", help="A file with a bearer token for the bundle server."),
    ] = None,
    diagnostics_port: Annotated[
        int | None,
        typer.Option(
            "--diagnostics-port",
            min=1,
            max=65535,
            help="Also answer probes and metrics at this port: /health/live, /health/ready and /metrics.",
        ),
    ] = None,
    diagnostics_listen: Annotated[
        str | None,
        typer.Option(
            "--diagnostics-listen",
            metavar="ADDRESS",
            help="With --front: the IPv4 address of --diagnostics-port. Default: the same as --listen.",
        ),
    ] = None,
    front: Annotated[
        bool, typer.Option("--front", help="Put nginx, which must be installed, in front of OPA. Use it in production.")
    ] = False,
    listen: Annotated[
        str | None,
        typer.Option(
            "--listen", metavar="ADDRESS", help="With --front: the IPv4 address to listen on. Default: 127.0.0.1."
        ),
    ] = None,
    front_host: Annotated[
        list[str] | None,
        typer.Option(
            "--front-host",
            metavar="NAME",
            help="With --front: a name that callers use as the Host; repeat it for each. Default: localhost and "
            "127.0.0.1.",
        ),
    ] = None,
    tls_certificate: Annotated[
        Path | None,
        typer.Option("--tls-certificate", metavar="FILE", help="With --front: the certificate chain, for HTTPS."),
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="FILE", help="The private key of the certificate.")
    ] = None,
    tls_client_ca: Annotated[
        Path | None,
        typer.Option(
            "--tls-client-ca", metavar="FILE", help="Callers need a certificate from one of these authorities."
        ),
    ] = None,
    any_opa: Annotated[
        bool,
        typer.Option(
            "--any-opa",
            help="Also run an OPA, in $OPA or on PATH, of a version that this policy was not proven on. Its decisions "
            "may differ from the proven ones.",
        ),
    ] = False,
) -> int:
    """Run the sidecar: OPA with this policy, on 127.0.0.1, until Ctrl-C, SIGTERM, SIGHUP or SIGQUIT.

    A bundle that `therapy-policy check` has findings about is not run. OPA is started again when it dies. The decision
    log goes to standard error; a log that nobody reads does not delay decisions.

    With --verification-key, the bundle must be signed with one of the keys. With --bundle-url, it comes from a server,
    and only bundles that are signed and pass the check ever decide. See docs/signing.md.

    Without --front, OPA itself listens. Any program on this machine can then bring it down: OPA reads YAML bodies
    before it authorizes, waits forever for slow clients, and slows down for everybody when it is overloaded.

    Exit status: 0 stopped by a signal, 1 something is not signed (with --require-signed), 2 a usage error, 3 OPA or
    nginx is unavailable or keeps dying, or the port is in use.
    """
    from therapy_policy.sidecar.stop_signals import stop_signals

    try:
        with stop_signals() as stop:
            from therapy_policy.policy.bundles import check_system_policies
            from therapy_policy.sidecar.serve import LOOPBACK
            from therapy_policy.sidecar.serve import serve as run_sidecar

            nginx = _front(front, listen, front_host, tls_certificate, tls_key, tls_client_ca)
            verification = _verification(verification_key, verification_scope, at_least_version)
            if verification and bundle is None and bundle_url is None:
                raise typer.BadParameter("--verification-key needs --bundle or --bundle-url")
            if diagnostics_port == port:
                raise typer.BadParameter("--diagnostics-port is the same as --port. Choose another")
            if diagnostics_listen is not None:
                if not front or diagnostics_port is None:
                    raise typer.BadParameter("--diagnostics-listen needs --front and --diagnostics-port")
                if not _is_ipv4(diagnostics_listen):
                    raise typer.BadParameter("--diagnostics-listen takes an IPv4 address")
            if bundle_url and (bundle or require_signed or sign_offs):
                raise typer.BadParameter("--bundle-url does not go with --bundle, --require-signed and --sign-offs")
            run = partial(
                run_sidecar,
                port,
                stop,
                host=listen or LOOPBACK,
                diagnostics_port=diagnostics_port,
                diagnostics_host=diagnostics_listen,
                front=nginx,
                any_opa=any_opa,
            )
            tls_files = (bundle_ca, bundle_certificate, bundle_key)
            source = _bundle_source(bundle_url, tls_files, bundle_token, bundle_store, bundle_poll, verification)
            if source:
                return run(source=source)
            policy = _bundle(bundle, verification=verification)
            if require_signed:
                from therapy_policy.policy.bundles import directory_of_records
                from therapy_policy.policy.sign_offs import points_of

                _refuse_unsigned(points_of(policy, _records(sign_offs) or directory_of_records(bundle)))
            # The installed policy needs nothing written, so the file system can be read-only.
            if bundle is None:
                return run(revision=policy.revision)
            check_system_policies(policy)
            with tempfile.TemporaryDirectory() as scratch:
                archive = Path(scratch) / "bundle.tar.gz"
                archive.write_bytes(policy.archive_for_opa())
                return run(revision=policy.revision, archive=archive)
    except Stopped:
        return DECIDED


@app.command(epilog="Example: `therapy-policy serve-fhir --port 8383`")
def serve_fhir(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The port to listen on.")] = 8383,
    listen: Annotated[
        str, typer.Option("--listen", metavar="ADDRESS", help="The IPv4 address to listen on.")
    ] = "127.0.0.1",
    sidecar: SidecarUrl = None,
    base: FhirServer = None,
    plan_headers: Annotated[
        bool,
        typer.Option(
            "--plan-headers",
            help="Read what only the plan knows, such as the benefit status, from headers of the request. Your server "
            "in front must set them, and remove them from what a client sends.",
        ),
    ] = False,
    send_clinical_denials: Annotated[
        bool,
        typer.Option(
            "--send-clinical-denials",
            help="Send a denial that depends on what a clinician stated. Default: it is pended until a person "
            "confirms it.",
        ),
    ] = False,
) -> int:
    """Answer FHIR clients over HTTP, on 127.0.0.1, until Ctrl-C or SIGTERM: Da Vinci PAS and CRD.

    POST /Claim/$submit takes a PAS Bundle and answers with a ClaimResponse. GET /cds-services and POST
    /cds-services/ID are CDS Hooks services that say what an order for therapy needs. GET /health is for probes.

    Who may call is for a server in front of it to decide: this one has neither TLS nor authentication. Standard output
    gets one line of JSON for each request except GET /health, without any text of it. This needs
    `pip install 'therapy-policy[http]'`.

    Exit status: 0 stopped by a signal, 2 a usage error, 3 no engine, or the port is in use.
    """
    if not _is_ipv4(listen):
        raise typer.BadParameter("--listen takes an IPv4 address, for example 0.0.0.0 for all of this machine")
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise FileNotUsable(
            "serve-fhir needs Starlette and uvicorn, which are not installed. Run: pip install 'therapy-policy[http]'"
        ) from None

    from therapy_policy.sidecar.stop_signals import stop_signals

    try:
        with stop_signals(), _engine(sidecar) as client:
            from therapy_policy.interop.http_service import Settings
            from therapy_policy.interop.serve_fhir import serve_fhir as run_server

            settings = Settings(base=base, plan_headers=plan_headers, send_clinical_denials=send_clinical_denials)
            # The embedded engine is in this process: it answers as long as anything here does.
            ready = (lambda: True) if sidecar is None else cast("SidecarClient", client).ready
            run_server(client, ready, listen, port, settings)
    except Stopped:
        pass
    return DECIDED


def _bundle_source(
    url: str | None,
    tls_files: tuple[Path | None, Path | None, Path | None],
    token: Path | None,
    store: Path | None,
    poll_seconds: float,
    verification: Verification | None,
) -> BundleSource | None:
    """Return the bundle server to follow; raise `BadParameter` if the options of `serve` do not fit together."""
    ca, certificate, key = tls_files
    if url is None:
        if any(tls_files) or token or store:
            raise typer.BadParameter("--bundle-store, --bundle-ca, -certificate, -key and -token need --bundle-url")
        return None
    if verification is None:
        raise typer.BadParameter("--bundle-url needs --verification-key: only a signed bundle is taken from a server")
    if (certificate is None) != (key is None):
        raise typer.BadParameter("--bundle-certificate and --bundle-key need each other")

    from therapy_policy.policy.bundles import check_system_policies, load_signed
    from therapy_policy.sidecar.downloads import BundleServer, is_bundle_url
    from therapy_policy.sidecar.updates import Accepted, BundleSource

    if not is_bundle_url(url):
        raise typer.BadParameter("--bundle-url takes https://…, http://… or oci://REGISTRY/NAME:TAG, and no password")
    if token and url.startswith("http://"):
        raise typer.BadParameter("--bundle-token needs an https:// or oci:// URL, so that nobody reads the token")
    if store and not store.is_dir():
        raise FileNotUsable(f"{store} is not a directory. Create it, and give --bundle-store its path.")
    if not verification.at_least_version:
        _check_remembers(store)

    def accept(name: str, content: bytes, least: str | None) -> Accepted:
        policy = load_signed(name, content, verification.at_least(least), compiled=False)
        check_system_policies(policy)
        return Accepted(policy.archive_for_opa(), policy.revision, policy.version)

    return BundleSource(BundleServer(url, ca, certificate, key, token), accept, store, poll_seconds)


def _check_remembers(store: Path | None) -> None:
    """Raise an error unless the store keeps the bundle, and so its version, until the next start."""
    if store is None:
        raise typer.BadParameter(
            "--bundle-url needs --bundle-store or --at-least-version. Without either, a restart would take an older "
            "bundle. Give the version of the oldest bundle that may decide, or a directory that outlives a restart"
        )
    try:
        tempfile.TemporaryFile(dir=store).close()
    except OSError as problem:
        raise FileNotUsable(
            f"{store} cannot be written: {problem.strerror}. Without the bundle in it, a restart would take an older "
            "one. Let --bundle-store be writable, or give --at-least-version."
        ) from None


def _front(
    front: bool,
    listen: str | None,
    hosts: list[str] | None,
    certificate: Path | None,
    key: Path | None,
    ca: Path | None,
) -> Front | None:
    """Return what nginx accepts; raise `BadParameter` if the options of `serve` do not fit together."""
    if not front:
        if listen or hosts or certificate or key or ca:
            raise typer.BadParameter("--listen, --front-host and --tls-… need --front")
        return None
    if (certificate is None) != (key is None):
        raise typer.BadParameter("--tls-certificate and --tls-key need each other")
    if ca and not certificate:
        raise typer.BadParameter("--tls-client-ca needs --tls-certificate and --tls-key")

    from therapy_policy.sidecar.front import LOCAL_HOSTS, Front, is_host_name

    if listen is not None and not _is_ipv4(listen):
        raise typer.BadParameter("--listen takes an IPv4 address, for example 0.0.0.0 for all of this machine")
    for host in hosts or ():
        if not is_host_name(host):
            raise typer.BadParameter(f"{host!r} is not a host name. Give --front-host a name without a port")
    return Front(tuple(hosts or LOCAL_HOSTS), certificate, key, ca)


def _is_ipv4(address: str) -> bool:
    try:
        ipaddress.IPv4Address(address)
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    main()
