"""The commands on charts."""

from kargo_release.commandline import Reply, command


@command()
def list_charts() -> Reply:
    """List the charts of this repository, and what is out of each.

    Example: kargo-release list-charts --json
    """
    return Reply(text="", document={"charts": []})
