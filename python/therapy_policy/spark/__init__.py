"""Decide the requests in a Spark DataFrame, on as many machines as the cluster has.

The executors need this package with its extra `bulk`, and nothing else: no sidecar, no OPA. docs/spark.md says how they
get it, and what `job.py` beside this file does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import pyarrow as pa

from therapy_policy.bulk.arrow_schema import REQUEST_TYPE, decision_schema, request_schema
from therapy_policy.bulk.columns import texts_of_columns
from therapy_policy.bulk.record_batches import Decider, Policy, in_parts

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from therapy_policy.policy.bundles import Bundle


def decide(
    requests: DataFrame,
    *,
    text_column: str | None = None,
    keep: Sequence[str] = (),
    bundle: Bundle | None = None,
    against: Bundle | None = None,
    decision_texts: bool = False,
) -> DataFrame:
    """Decide each row of a DataFrame, and return the decisions as one row each; like any DataFrame, when it is used.

    With `text_column`, the requests are JSON texts (strings or binaries) in that column. Otherwise they are columns,
    nested as in the request schemas, and all columns must be request fields or in `keep`. The result has the columns
    named in `keep` first, then the decision's.

    The policy is that of this package, or `bundle`; `against` adds what another policy decides. Both travel to the
    executors with the query. `decision_texts` adds the whole decision as JSON.

    Raises `ValueError` for columns that are missing, unknown or named like a column of the decision.
    """
    from pyspark.sql import functions
    from pyspark.sql.pandas.types import from_arrow_schema
    from pyspark.sql.types import StructType

    decisions = decision_schema(against=against is not None, decision_texts=decision_texts)
    fields = _fields(requests.columns, text_column, keep, decisions.names)

    def column(name: str) -> Column:
        return requests[f"`{name.replace('`', '``')}`"]

    # As binary, because Spark does not check that the bytes of a string are UTF-8.
    asked = functions.struct(*map(column, fields)) if text_column is None else column(text_column).cast("binary")
    selected = [asked.alias("asked")] + ([functions.struct(*map(column, keep)).alias("kept")] if keep else [])
    kept = [requests.schema[name] for name in keep]
    schema = StructType([*kept, *from_arrow_schema(decisions).fields])
    policy = Policy() if bundle is None else Policy.of(bundle)
    deciding = _deciding(policy, None if against is None else Policy.of(against), decision_texts)
    return requests.select(*selected).mapInArrow(deciding, schema)


def _fields(columns: Sequence[str], text_column: str | None, keep: Sequence[str], decided: Sequence[str]) -> list[str]:
    """Return the columns that are request fields."""
    if twice := [name for name in keep if name in decided]:
        raise ValueError(f"The decision has columns of these names, too: {', '.join(twice)}. Rename those to keep.")
    required = [REQUEST_TYPE] if text_column is None else [text_column]
    if missing := [name for name in (*required, *keep) if name not in columns]:
        raise ValueError(f"The DataFrame has no such columns: {', '.join(missing)}.")
    if text_column is not None:
        return []
    known = set(request_schema().names)
    if unknown := [name for name in columns if name not in known and name not in keep]:
        raise ValueError(
            f"No request has these fields: {', '.join(unknown)}. Name the columns in `keep`, drop them, or name the "
            "column of JSON texts in `text_column`."
        )
    return [name for name in columns if name in known]


def _deciding(
    policy: Policy, against: Policy | None, decision_texts: bool
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return the function that decides a partition, on an executor."""

    def decide_partition(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        decider = _decider(policy, against, decision_texts)
        for whole in batches:
            for batch in in_parts(whole):
                asked, *kept = batch.columns
                texts = texts_of_columns(pa.RecordBatch.from_struct_array(asked)) if _is_struct(asked) else asked
                decisions = decider.decide(texts).columns(decider.schema)
                beside = pa.RecordBatch.from_struct_array(kept[0]) if kept else None
                if beside is None:
                    yield decisions
                else:
                    names = [*beside.schema.names, *decisions.schema.names]
                    yield pa.RecordBatch.from_arrays([*beside.columns, *decisions.columns], names)

    return decide_partition


def _is_struct(array: pa.Array) -> bool:
    return bool(pa.types.is_struct(array.type))


@lru_cache(maxsize=1)
def _decider(policy: Policy, against: Policy | None, decision_texts: bool) -> Decider:
    """Return the decider of this Python process, which decides one partition after another and remembers them."""
    return Decider(policy, against, decision_texts=decision_texts)
