"""Helm charts: from a folder in a commit to a release."""
