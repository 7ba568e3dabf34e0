"""The one door to Docker: its engine, the builders, and what both say."""
