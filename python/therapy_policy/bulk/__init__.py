"""Many requests: files of requests, and logs of decisions."""
