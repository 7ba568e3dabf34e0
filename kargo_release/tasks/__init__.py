"""The commands: arguments in, text out, nothing else."""

from invoke.collection import Collection

from kargo_release.tasks import (
    backup,
    bumps,
    changed_release,
    chart_changes,
    chart_diff,
    charts,
    doctor,
    image_lint,
    image_listing,
    images,
)

namespace = Collection()
for _module in (
    charts,
    chart_changes,
    chart_diff,
    changed_release,
    bumps,
    backup,
    doctor,
    images,
    image_lint,
    image_listing,
):
    for _task in Collection.from_module(_module).tasks.values():
        namespace.add_task(_task)
