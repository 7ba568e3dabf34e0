"""The range of a dependency is changed where a new version broke it, and keeps its kind."""

import pytest

from kargo_release import versions
from kargo_release.charts.bump.ranges import adjusted


@pytest.mark.parametrize(
    ("range_", "version", "expected"),
    [
        ("^1.2.0", "1.3.0", "^1.2.0"),
        ("^1.2.0", "2.0.0", "^2.0.0"),
        ("^1.2", "2.1.3", "^2.1"),
        ("^1", "2.1.3", "^2"),
        ("~1.2.3", "1.3.0", "~1.3.0"),
        ("~1.2", "1.3.4", "~1.3"),
        ("1.x", "2.0.0", "2.x"),
        ("1.2.x", "2.1.0", "2.1.x"),
        ("1.x.x", "2.1.0", "2.x.x"),
        ("1.2.0", "1.2.1", "1.2.1"),
        ("=1.2.0", "1.2.1", "=1.2.1"),
        ("v1.2.0", "1.2.1", "1.2.1"),
        (">=1.2.0", "2.0.0", ">=1.2.0"),
        (">= 1.2.0", "2.0.0-rc.1", ">=2.0.0-rc.1"),
        (">=1.2.0 <2.0.0", "2.1.0", "^2.1.0"),
        ("1.2 - 1.5", "1.6.0", "^1.6.0"),
        ("^1.2.0 || ^2.0.0", "3.0.0", "^3.0.0"),
        ("^1.2.0", "1.3.0-rc.1", "^1.3.0-rc.1"),
        ("1.x", "1.3.0-rc.1", "^1.3.0-rc.1"),
        ("~1.2", "1.3.0-rc.1", "~1.3.0-rc.1"),
        ("^0.1.0", "0.2.0", "^0.2.0"),
        ("*", "3.0.0", "*"),
    ],
)
def test_adjusts_what_no_longer_takes_the_version(range_: str, version: str, expected: str) -> None:
    assert adjusted(range_, version) == expected
    assert versions.satisfies(version, expected)
