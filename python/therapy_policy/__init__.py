"""Coverage decisions for outpatient therapy, from an OPA sidecar or in-process: the same policy, the same decision."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from therapy_policy.decision import Decision
    from therapy_policy.embedded import EmbeddedClient
    from therapy_policy.errors import TherapyPolicyError
    from therapy_policy.sidecar import SidecarClient

__all__ = ["Decision", "EmbeddedClient", "SidecarClient", "TherapyPolicyError"]

_MODULES = {
    "Decision": "decision",
    "EmbeddedClient": "embedded",
    "SidecarClient": "sidecar",
    "TherapyPolicyError": "errors",
}


def __getattr__(name: str) -> object:
    # Each engine takes a while to import, and nobody needs both at once.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
