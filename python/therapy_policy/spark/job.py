"""The job for `spark-submit`: decide a data set of requests into a data set of decisions. docs/spark.md shows how."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from pyspark.sql import SparkSession

from therapy_policy.errors import DECIDED, INVALID, TherapyPolicyError
from therapy_policy.policy.bundles import load
from therapy_policy.spark import decide

FORMATS = ("parquet", "jsonl")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def job(
    source: Annotated[str, typer.Option("--input", metavar="PATH", help="The requests: a file or a directory.")],
    target: Annotated[str, typer.Option("--output", metavar="PATH", help="A new directory for Parquet files.")],
    kind: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="parquet: columns as `therapy-policy bulk --schema` prints them. jsonl: one JSON request on each "
            "line. Default: by the end of the input's name.",
        ),
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Keep this column of the input. Repeat for more.")
    ] = None,
    bundle: Annotated[
        str | None, typer.Option(metavar="NAME", help="Decide by this bundle. Default: the installed policy.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(metavar="NAME", help="Also decide by this bundle, and mark what differs.")
    ] = None,
    decisions: Annotated[bool, typer.Option("--decisions", help="Add the whole decision as JSON.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the output if it exists.")] = False,
) -> None:
    """Decide each request of the input once, and print how many got which outcome."""
    kind = kind or next((each for each in FORMATS if source.rstrip("/").endswith("." + each)), None)
    if kind not in FORMATS:
        raise typer.BadParameter(f"Say which format the input has: {' or '.join(FORMATS)}.", param_hint="--format")
    loaded, other = (None if name is None else load(name) for name in (bundle, against))
    spark = SparkSession.builder.appName("therapy-policy").getOrCreate()
    if kind == "parquet":
        requests, text_column = spark.read.parquet(source), None
    else:
        requests, text_column = spark.read.text(source).where("trim(value) <> ''"), "value"
    decided = decide(
        requests,
        text_column=text_column,
        keep=keep or [],
        bundle=loaded,
        against=other,
        decision_texts=decisions,
    )
    decided.write.mode("overwrite" if force else "errorifexists").parquet(target)
    _print_summary(spark, target, flips=other is not None)


def _print_summary(spark: SparkSession, target: str, *, flips: bool) -> None:
    by = ["outcome", "flips"] if flips else ["outcome"]
    counts = spark.read.parquet(target).groupBy(*by).count().orderBy("count", ascending=False).collect()
    print(f"{sum(row['count'] for row in counts):,} decisions -> {target}")
    for row in counts:
        outcome = row["outcome"] or "not decided"
        print(f"{row['count']:>15,} {outcome}{' (differs)' if flips and row['flips'] else ''}")


def main() -> None:
    """Run the job and exit with its status."""
    try:
        sys.exit(app(standalone_mode=False) or DECIDED)
    except typer.TyperException as problem:
        sys.exit(f"error: {problem.format_message()}")
    except (TherapyPolicyError, ValueError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(getattr(problem, "exit_status", INVALID))


if __name__ == "__main__":
    main()
