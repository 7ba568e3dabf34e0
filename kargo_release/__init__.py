"""Releases Helm charts and container images from one Git repository, reproducibly."""

__version__ = "0.1.0"
