"""A PAS Bundle: its Claim, the resources that the Claim refers to, and the version of the guide."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from therapy_policy.interop.fhir import Element, Json
from therapy_policy.interop.pas.codes import PAS, Version

MAX_ELEMENTS = 300  # of a Bundle, and of each list that is read for every item

_PROFILE = re.compile(rf"{PAS}/(?P<name>[a-z-]+)(?:\|(?P<version>.*))?")
_PROFILES = ("profile-pas-request-bundle", "profile-claim")
_NEAREST: dict[str, Version] = {"2.0.0": "2.0.1", "2.0.1": "2.0.1", "2.2.0": "2.2.1", "2.2.1": "2.2.1"}


@dataclass(frozen=True)
class Resource:
    """A resource of the Bundle. `sent` is its entry, as it came."""

    full_url: str
    kind: str
    content: Element
    sent: Json

    @property
    def relative(self) -> str:
        return f"{self.kind}/{self.content.fields.get('id')}"


@dataclass(frozen=True)
class RequestBundle:
    """A Bundle whose first resource is the Claim."""

    claim: Element
    claim_url: str
    version: Version
    resources: list[Resource]
    _by_url: dict[str, Resource] = field(init=False, default_factory=dict, repr=False)
    _by_relative: dict[str, list[Resource]] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for each in self.resources:
            self._by_url[each.full_url] = each
            self._by_relative.setdefault(each.relative, []).append(each)

    def find(self, holder: Element, name: str) -> Resource:
        """Return the resource that the Reference `name` of an element refers to.

        Raises `Refused` if there is none, or no single one.
        """
        return self.target(holder.required(name))

    def target(self, reference: Element) -> Resource:
        """Return the resource that a Reference refers to, as `find` does."""
        found = self.matching(reference)
        if len(found) != 1:
            what = "refers to more than one resource" if found else "refers to a resource that is not in the Bundle"
            reference.refuse("not-found", "reference", what)
        return found[0]

    def matching(self, reference: Element) -> list[Resource]:
        """Return the resources of the Bundle that a Reference can mean."""
        url = reference.required_text("reference").partition("/_history/")[0]
        # FHIR: a relative reference is relative to the server of the Claim, as its fullUrl says.
        on_server = self.claim_url.rpartition("Claim/")[0] + url
        by_url = [self._by_url[each] for each in (url, on_server) if each in self._by_url]
        found = [*by_url, *self._by_relative.get(url, [])]
        return list({each.full_url: each for each in found}.values())

    def find_kind(self, holder: Element, name: str, *kinds: str) -> Resource:
        """Return the resource, which must be of one of some kinds, as `find` does."""
        found = self.find(holder, name)
        if found.kind not in kinds:
            holder.refuse("value", name, f"expected a reference to a resource of the type {' or '.join(kinds)}")
        return found


def read_bundle(value: object, default: Version) -> RequestBundle:
    """Return the Bundle of a `Claim/$submit`. `default` is the version of one that does not say it.

    Raises `Refused` for anything else.
    """
    bundle = Element.of(value, "Bundle")
    bundle.required_text("resourceType", "Bundle")
    bundle.required_text("type", "collection")
    check_lengths(bundle, "entry")
    resources = [_resource(entry) for entry in bundle.required_elements("entry")]
    if len({each.full_url for each in resources}) < len(resources):
        bundle.refuse("value", "entry", "has the same fullUrl twice")
    first = resources[0]
    if first.kind != "Claim":
        bundle.refuse("value", "entry[0].resource", "expected a Claim")
    if any(each.kind == "Claim" for each in resources[1:]):
        bundle.refuse("not-supported", "entry", "has another Claim, too; send each in a Bundle of its own")
    check_lengths(first.content, "insurance", "item", "supportingInfo", "careTeam")
    version = _version([bundle, first.content]) or default
    return RequestBundle(first.content, first.full_url, version, resources)


def is_canceled(element: Element) -> bool:
    """Return whether an item or a supporting information is marked as canceled."""
    mark = element.modifier_extension(f"{PAS}/extension-infoCancelled")
    return mark is not None and mark.flag("valueBoolean") is not False


def check_lengths(element: Element, *names: str) -> None:
    """Raise `Refused` if one of these lists of an element is too long to be read."""
    for name in names:
        values = element.fields.get(name)
        if isinstance(values, list) and len(values) > MAX_ELEMENTS:
            element.refuse("not-supported", name, f"has more than {MAX_ELEMENTS} elements; hand the request on")


def _resource(entry: Element) -> Resource:
    full_url = entry.required_text("fullUrl")
    resource = entry.required("resource")
    return Resource(full_url, resource.required_text("resourceType"), resource, entry.fields)


def _version(elements: list[Element]) -> Version | None:
    """The version that the profiles state. They may state others than PAS', but not another interaction of PAS."""
    versions: set[Version] = set()
    for element in elements:
        meta = element.element("meta")
        profiles = meta.fields.get("profile", []) if meta else []
        if not isinstance(profiles, list) or not all(isinstance(each, str) for each in profiles):
            element.refuse("invalid", "meta.profile", "expected a list of canonical URLs")
        for match in filter(None, map(_PROFILE.fullmatch, profiles)):
            if match["name"] not in _PROFILES:
                element.refuse("not-supported", "meta.profile", "only new requests (profile-claim) are decided")
            if match["version"] is not None:
                if match["version"] not in _NEAREST:
                    element.refuse("not-supported", "meta.profile", f"expected one of {', '.join(_NEAREST)}")
                versions.add(_NEAREST[match["version"]])
    if len(versions) > 1:
        elements[0].refuse("value", "meta.profile", "is of another version than the profile of the Claim")
    return next(iter(versions), None)
