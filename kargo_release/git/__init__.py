"""The Git repository and its remote: the only door to Git."""
