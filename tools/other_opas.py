"""`make test-opas`: the tests that depend on OPA, on every proven version that `make test` does not use.

Each version is downloaded or built once; the cache keeps it. `--version` takes one of them alone.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from therapy_policy.toolchain.opa import PINNED_VERSION, PROVEN_VERSIONS, fetch_opa

TESTS = (
    "tests/sidecar",
    "tests/contract/test_capabilities.py",
    "tests/policy/test_signatures.py",
    "tests/policy/test_bundles.py",
    "tests/client/test_both_engines.py",
    "tests/client/test_sidecar_client.py",
    "tests/properties/test_differential.py",
)
STEPS = (
    (sys.executable, "-m", "tools.rego_tests"),
    (sys.executable, "-m", "tools.generate", "--check"),
    (sys.executable, "-m", "pytest", "-q", *TESTS),
)


def main() -> int:
    others = [version for version in PROVEN_VERSIONS if version != PINNED_VERSION]
    parser = argparse.ArgumentParser(prog="python -m tools.other_opas")
    parser.add_argument("--version", action="append", choices=PROVEN_VERSIONS)
    for version in parser.parse_args().version or others:
        print(f"OPA {version}:", file=sys.stderr, flush=True)
        environment = os.environ | {"OPA": str(fetch_opa(version))}
        for step in STEPS:
            if subprocess.run(step, env=environment).returncode:
                print(f"error: the policy does not pass on OPA {version}", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
