"""What the pages that have a module of their own need of the site, which makes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from therapy_policy.policy.bundles import Bundle
from therapy_policy.review.decision_tables import DecisionTables
from therapy_policy.review.examples import Example
from therapy_policy.review.figures import Figures
from therapy_policy.review.reading import PolicyView
from therapy_policy.review.standard_answers import StandardAnswer
from therapy_policy.review.versions import Versions


class SiteParts(Protocol):
    """The parts of `site.Site` that say what belongs together."""

    bundle: Bundle
    digest: str
    policy: PolicyView
    figures: Figures
    versions: Versions

    @property
    def figures_fit(self) -> bool: ...
    @property
    def tables(self) -> DecisionTables: ...
    @property
    def standard_answers(self) -> Mapping[str, StandardAnswer]: ...
    @property
    def examples(self) -> list[Example]: ...
    def title_of(self, kind: str) -> str: ...
    def same_type(self, kind: str) -> list[Example]: ...
