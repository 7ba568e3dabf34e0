"""Where a chart's release goes: the claim, the registry, the backup and the tag, in this order."""
