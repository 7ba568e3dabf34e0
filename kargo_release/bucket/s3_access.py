"""How a bucket is reached, and with whose keys: from the settings, or from an rclone remote."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Keys:
    """A pair of keys, with a token when they are lent for a time."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Names:
    """How the user knows the parts of an ``Access``, for what an error tells to do."""

    endpoint: str = "`s3.endpoint`"
    region: str = "`s3.region`"
    access_key: str = "AWS_ACCESS_KEY_ID"
    secret_key: str = "AWS_SECRET_ACCESS_KEY"  # noqa: S105 - a name
    session_token: str = "AWS_SESSION_TOKEN"  # noqa: S105 - a name


@dataclass(frozen=True)
class Access:
    """How a bucket is reached.

    Args:
        endpoint: ``https://host:port`` of a store that is not AWS's; None is AWS.
        region: The bucket's region; None leaves it to AWS's own settings.
        virtual_host: Whether the store at ``endpoint`` wants ``BUCKET.host`` instead of
            ``host/BUCKET``.
        keys: None leaves them to AWS's own chain.
        profile: Where that chain looks; None is AWS's own choice.
        credentials_file: The file that has the profile; None is AWS's own.
        object_options: What each new object gets, by parameters of S3's PutObject, such as
            ``StorageClass``.
        names: How the user knows these parts.
    """

    endpoint: str | None = None
    region: str | None = None
    virtual_host: bool = False
    keys: Keys | None = None
    profile: str | None = None
    credentials_file: str | None = None
    object_options: Mapping[str, str] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
