"""What the forks of tests/cli/command.py start with: the program, imported, and this policy, read and compiled.

The program keeps the syntax trees and the machine code of the policies that its process has read.
"""

import gc
import pkgutil
from importlib import import_module

import therapy_policy
from therapy_policy.client.embedded import EmbeddedClient
from therapy_policy.policy.bundles import packaged_bundle
from therapy_policy.policy.rego import opa_binary, read_rego

for module in pkgutil.walk_packages(therapy_policy.__path__, "therapy_policy."):
    if not module.name.endswith("__main__") and not module.name.startswith("therapy_policy.spark"):
        import_module(module.name)

EmbeddedClient().close()
read_rego(packaged_bundle().texts)
opa_binary.cache_clear()  # each command finds OPA itself

gc.freeze()  # so that a fork's collection of garbage does not copy all of this
