"""`make soak`: the sidecar as shipped, under load and under faults, with every answer checked."""
