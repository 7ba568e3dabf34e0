"""Raises the versions of charts, and what follows from that in others."""
