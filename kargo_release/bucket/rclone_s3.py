"""What the options of rclone's s3 remotes mean for how a bucket is reached.

Sources: rclone's ``backend/s3/s3.go`` and ``backend/s3/provider/*.yaml`` (which providers want
``BUCKET.host``: those without the quirk ``force_path_style``).
"""

from kargo_release.bucket.rclone_config import RcloneConfig
from kargo_release.bucket.s3_access import Access, Keys, Names
from kargo_release.errors import UsageError

_DEFAULT_REGION = "us-east-1"
# fmt: off
_VIRTUAL_HOSTS = frozenset({
    "AWS", "Alibaba", "Cubbit", "DigitalOcean", "Dreamhost", "GCS", "Hetzner", "HuaweiOBS",
    "ImpossibleCloud", "Intercolo", "Leviia", "Linode", "LyveCloud", "Netease", "OVHcloud",
    "Petabox", "Rabata", "RackCorp", "Scaleway", "Selectel", "Servercore", "Storj", "Synology",
    "TencentCOS", "Wasabi", "Zata",
})
# fmt: on
# Without these a request would be wrong, or another object be meant; rclone's other options are
# about speed, or about what is never done here.
_UNKNOWN_OPTIONS = (
    "directory_bucket",
    "ibm_api_key",
    "requester_pays",
    "role_arn",
    "sse_customer_algorithm",
    "sse_customer_key",
    "sse_customer_key_base64",
    "use_accelerate_endpoint",
    "v2_auth",
    "version_at",
)
_OBJECT_OPTIONS = {
    "acl": "ACL",
    "server_side_encryption": "ServerSideEncryption",
    "sse_kms_key_id": "SSEKMSKeyId",
    "storage_class": "StorageClass",
}
_ARCHIVED = {"GLACIER", "DEEP_ARCHIVE"}
# Go's strconv.ParseBool.
_TRUE, _FALSE = {"1", "t", "T", "TRUE", "true", "True"}, {"0", "f", "F", "FALSE", "false", "False"}


def access_of(config: RcloneConfig, remote: str) -> Access:
    """Return how the service of an s3 remote is reached.

    Raises:
        UsageError: It has no keys, or options that are not known here.
    """
    return _S3Remote(config, remote).access()


class _S3Remote:
    """The options of one s3 remote."""

    def __init__(self, config: RcloneConfig, name: str) -> None:
        self._config, self._name = config, name

    def access(self) -> Access:
        self._refuse_unknown()
        names = {
            key: f"`{key}` of the rclone remote {self._name}" for key in ("endpoint", "region")
        }
        keys = self._keys()
        return Access(
            endpoint=self._endpoint(),
            region=self._option("region") or _DEFAULT_REGION,
            virtual_host=self._wants_virtual_host(),
            keys=keys,
            profile=None if keys else self._option("profile") or None,
            credentials_file=None if keys else self._option("shared_credentials_file") or None,
            object_options=self._object_options(),
            names=Names(**names, **(self._names_of_keys() if keys else {})),
        )

    def _option(self, key: str) -> str:
        return self._config.value(self._name, "s3", key)

    def _is_true(self, key: str, *, default: bool) -> bool:
        value = self._option(key)
        if value and value not in _TRUE | _FALSE:
            raise UsageError(
                f"`{key}` of the rclone remote {self._name} is neither true nor false",
                "Correct it in rclone's configuration.",
            )
        return value in _TRUE if value else default

    def _refuse_unknown(self) -> None:
        given = (key for key in _UNKNOWN_OPTIONS if self._option(key) not in {"", *_FALSE})
        key = next(given, "")
        if self._option("region") == "other-v2-signature":
            key = "region = other-v2-signature"
        if self._option("storage_class") in _ARCHIVED:
            key = f"storage_class = {self._option('storage_class')}"
        if key:
            raise UsageError(
                f"the rclone remote {self._name} has `{key}`, which cannot be done here",
                "Use a remote without it, or give the bucket itself: s3://bucket/path.",
            )

    def _endpoint(self) -> str | None:
        endpoint = self._option("endpoint")
        if not endpoint:
            return None
        return endpoint if endpoint.startswith("http") else f"https://{endpoint}"

    def _wants_virtual_host(self) -> bool:
        path_style = self._is_true("force_path_style", default=True)
        return self._option("provider") in _VIRTUAL_HOSTS or not path_style

    def _keys(self) -> Keys | None:
        access_key, secret_key = self._option("access_key_id"), self._option("secret_access_key")
        if access_key and secret_key:
            return Keys(access_key, secret_key, self._option("session_token") or None)
        if not (access_key or secret_key) and self._is_true("env_auth", default=False):
            return None
        raise UsageError(
            f"the rclone remote {self._name} has no pair of keys, without which nobody may write",
            "Give it `access_key_id` and `secret_access_key`, or `env_auth = true`.",
        )

    def _names_of_keys(self) -> dict[str, str]:
        options = {
            "access_key": "access_key_id",
            "secret_key": "secret_access_key",
            "session_token": "session_token",
        }
        return {
            name: f"`{option}` of the rclone remote {self._name}"
            for name, option in options.items()
        }

    def _object_options(self) -> dict[str, str]:
        given = {name: self._option(key) for key, name in _OBJECT_OPTIONS.items()}
        return {name: value for name, value in given.items() if value}
