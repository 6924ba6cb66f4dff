"""Coverage decisions for outpatient therapy, from an OPA sidecar or in-process: the same policy, the same decision."""

from importlib import import_module
from typing import TYPE_CHECKING

from therapy_policy.errors import (
    BundleNotUsable,
    BundleNotVerified,
    DownloadFailed,
    EngineError,
    EngineNotAvailable,
    EngineTimeout,
    FileNotUsable,
    InputDamaged,
    NginxNotAvailable,
    OpaNotAvailable,
    OutputNotUsable,
    PolicyNotAccepted,
    PolicyNotReadable,
    PolicyNotSigned,
    PolicyNotUsable,
    PortInUse,
    QuestionnaireResponseInvalid,
    ReleaseNotUsable,
    RequestError,
    RequestNotJson,
    RequestTooLarge,
    ReviewToolsNotAvailable,
    SidecarUrlInvalid,
    Stopped,
    TherapyPolicyError,
    ToolNotAvailable,
)

if TYPE_CHECKING:
    from therapy_policy.client.async_sidecar import AsyncSidecarClient
    from therapy_policy.client.decision import Answered, Decision
    from therapy_policy.client.embedded import EmbeddedClient
    from therapy_policy.client.sidecar import SidecarClient

__all__ = [
    "Answered",
    "AsyncSidecarClient",
    "BundleNotUsable",
    "BundleNotVerified",
    "Decision",
    "DownloadFailed",
    "EmbeddedClient",
    "EngineError",
    "EngineNotAvailable",
    "EngineTimeout",
    "FileNotUsable",
    "InputDamaged",
    "NginxNotAvailable",
    "OpaNotAvailable",
    "OutputNotUsable",
    "PolicyNotAccepted",
    "PolicyNotReadable",
    "PolicyNotSigned",
    "PolicyNotUsable",
    "PortInUse",
    "QuestionnaireResponseInvalid",
    "ReleaseNotUsable",
    "RequestError",
    "RequestNotJson",
    "RequestTooLarge",
    "ReviewToolsNotAvailable",
    "SidecarClient",
    "SidecarUrlInvalid",
    "Stopped",
    "TherapyPolicyError",
    "ToolNotAvailable",
]

# Each engine takes a while to import, and no caller needs both at once.
_IMPORTED_WHEN_USED = {
    "Answered": "decision",
    "AsyncSidecarClient": "async_sidecar",
    "Decision": "decision",
    "EmbeddedClient": "embedded",
    "SidecarClient": "sidecar",
}


def __getattr__(name: str) -> object:
    if name not in _IMPORTED_WHEN_USED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.client.{_IMPORTED_WHEN_USED[name]}"), name)
