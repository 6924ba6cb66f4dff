"""vegeta, which sends the load, and toxiproxy, which damages connections: built once from source, kept in the cache."""

from __future__ import annotations

from therapy_policy.toolchain.go import GoProgram

VEGETA = GoProgram(
    "vegeta",
    "github.com/tsenart/vegeta/v12",
    "github.com/tsenart/vegeta/v12",
    "12.13.0",
    "h1:J/UiNS3f69MkL0tsRLVUUV8uXXQZxdRUchtS+GYiSFc=",
)
TOXIPROXY = GoProgram(
    "toxiproxy",
    "github.com/Shopify/toxiproxy/v2",
    "github.com/Shopify/toxiproxy/v2/cmd/server",
    "2.12.0",
    "h1:d1x++lYZg/zijXPPcv7PH0MvHMzEI5aX/YuUi/Sw+yg=",
)
