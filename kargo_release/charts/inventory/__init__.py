"""What is out of each chart, version by version: known, compared, told."""
