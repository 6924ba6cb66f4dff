"""Clients of the two engines, and the request text that both accept."""
