"""The checks of a Dockerfile before the build."""
