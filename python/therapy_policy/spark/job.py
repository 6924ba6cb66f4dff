"""The job for `spark-submit`: decide a data set of requests into a data set of decisions. docs/spark.md shows how."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession, functions

from therapy_policy.errors import DECIDED, NO_ENGINE, USAGE, FileNotUsable, TherapyPolicyError
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
            help="parquet: columns as `therapy-policy bulk --schema` prints them. jsonl: one request as JSON per line. "
            "Default: the ending of the input's name.",
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--keep", metavar="COLUMN", help="Keep this column of the input; `value` is the line. Repeat it for others."
        ),
    ] = None,
    bundle: Annotated[
        str | None,
        typer.Option("--bundle", metavar="NAME", help="Decide by this bundle. Default: the packaged policy."),
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="NAME", help="Also decide by this bundle, and mark what flips.")
    ] = None,
    decisions: Annotated[
        bool, typer.Option("--decisions", help="Add the column `decision`: the whole decision as JSON.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the output if it exists.")] = False,
) -> int:
    """Decide each request of the input, and print how many got which outcome.

    Exit status: 0 all decided, 2 a file or usage error, 3 a request that the engine failed to decide (its row has
    `not_decided`).
    """
    kind = kind or next((each for each in FORMATS if source.rstrip("/").endswith(f".{each}")), None)
    if kind not in FORMATS:
        raise FileNotUsable(f"The name {source} does not say its format. Use --format parquet or --format jsonl.")
    by, other = (None if name is None else load(name) for name in (bundle, against))
    spark = SparkSession.builder.appName("therapy-policy").getOrCreate()
    try:
        requests = spark.read.parquet(source) if kind == "parquet" else _lines(spark, source)
    except AnalysisException as problem:
        if problem.getCondition() != "PATH_NOT_FOUND":
            raise
        raise FileNotUsable(f"{source} does not exist. Give --input a path that every executor can read.") from None
    text_column = None if kind == "parquet" else "value"
    decided = decide(
        requests, text_column=text_column, keep=keep or (), bundle=by, against=other, decision_texts=decisions
    )
    try:
        decided.write.mode("overwrite" if force else "errorifexists").parquet(target)
    except AnalysisException as problem:
        if problem.getCondition() != "PATH_ALREADY_EXISTS":
            raise
        raise FileNotUsable(f"{target} already exists. Give another name, or use --force.") from None
    by_outcome = ["outcome", "flips"] if other else ["outcome"]
    written = spark.read.parquet(target)
    counts = written.groupBy(*by_outcome).count().orderBy("count", ascending=False).collect()
    print(f"{sum(row['count'] for row in counts):,} decisions -> {target}")
    for row in counts:
        flips = " that flip" if other and row["flips"] else ""
        print(f"{row['count']:>15,} {row['outcome'] or 'not decided'}{flips}")
    return NO_ENGINE if written.where("not_decided IS NOT NULL").head(1) else DECIDED


def _lines(spark: SparkSession, source: str) -> DataFrame:
    """Read each line as a request, as `bulk` does: a blank one, too, and without a byte order mark before it."""
    text = functions.col("value").cast("binary")
    without_mark = functions.expr("substring(CAST(value AS BINARY), 4)")
    marked = functions.col("value").startswith("\ufeff")
    return spark.read.text(source, lineSep="\n").select(
        functions.when(marked, without_mark).otherwise(text).alias("value")
    )


def main() -> None:
    """Run the job and exit with its status."""
    try:
        sys.exit(app(standalone_mode=False))
    except typer.TyperException as problem:
        message, status = problem.format_message(), USAGE
    except TherapyPolicyError as problem:
        message, status = str(problem), problem.exit_status
    except ValueError as problem:  # of `decide`, about columns
        message, status = str(problem), USAGE
    print(f"error: {message}", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
