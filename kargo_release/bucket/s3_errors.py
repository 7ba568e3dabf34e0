"""What S3 answers when it does not do as asked, told with what to do about it.

Codes: Amazon S3 API Reference, "Error responses". A HEAD request has no body, so that its code is
the bare status.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kargo_release.bucket.s3_access import Names
from kargo_release.bucket.s3_faults import raised
from kargo_release.bucket.store import Conditions
from kargo_release.errors import FailedError, KargoError, RefusedError, excerpt

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

_NO_BUCKET = (
    "there is no such bucket",
    "Correct the bucket's name, or create the bucket, then run it again.",
)
_DENIED = (
    "access is denied",
    (
        "Allow these credentials s3:GetObject, s3:PutObject and s3:ListBucket (without the last"
        " one S3 answers so for an object that is not there)."
    ),
)
_EXPIRED = ("the credentials have expired", "Get new ones (or sign in again), then run it again.")
_LACKS = {
    "ignored": "the store ignores conditional writes",
    "unknown": "the store does not know conditional writes",
}
_UNSAFE = "so two releases could overwrite each other"
_SINGLE = "If only one release runs at a time, set `s3.single_writer: true`."
_UNCONDITIONAL = (f"{_LACKS['unknown']}, {_UNSAFE}", _SINGLE)
_ELSEWHERE = (
    "the server wants the request to go elsewhere",
    "Correct {endpoint} (http or https?) or {region}.",
)
_WRONG_REGION = ("the bucket is in another region", "Set {region} to the bucket's region.")

_NOT_FOUND = "404"
_REFUSALS: Mapping[str, tuple[str, str]] = {
    "NoSuchBucket": _NO_BUCKET,
    "403": _DENIED,
    "AccessDenied": _DENIED,
    "AllAccessDisabled": _DENIED,
    "401": _DENIED,
    "InvalidAccessKeyId": (
        "the access key is not known",
        "Correct {access_key}, and check that it belongs to this server.",
    ),
    "SignatureDoesNotMatch": (
        "the signature is wrong: the secret key does not belong to the access key",
        "Correct {secret_key}.",
    ),
    "RequestTimeTooSkewed": (
        "this machine's clock differs from the server's by too much",
        "Set the clock, then run it again.",
    ),
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "InvalidToken": (
        "the session token is wrong",
        "Correct {session_token}, or remove it when the keys are permanent ones.",
    ),
    "301": _ELSEWHERE,
    "302": _ELSEWHERE,
    "307": _ELSEWHERE,
    "308": _ELSEWHERE,
    "PermanentRedirect": _WRONG_REGION,
    "AuthorizationHeaderMalformed": _WRONG_REGION,
    "IllegalLocationConstraintException": _WRONG_REGION,
    "501": _UNCONDITIONAL,
    "NotImplemented": _UNCONDITIONAL,
    "InvalidObjectState": (
        "the object is archived and cannot be read",
        "Restore it from the archive storage class, then run it again.",
    ),
}


def code_of(error: "ClientError") -> str:
    """Return the code of S3's answer, such as ``NoSuchKey``, or the status when it told none."""
    return str(error.response.get("Error", {}).get("Code", "")) or str(status_of(error))


def status_of(error: "ClientError") -> int:
    """Return the HTTP status of S3's answer; 0 when there was none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def condition_failed(error: "ClientError", condition: Mapping[str, Any]) -> bool:
    """Whether S3 refused a write because its condition did not hold."""
    # S3 answers 404 to If-Match when there is no such object.
    gone = "IfMatch" in condition and code_of(error) in {"NoSuchKey", "404"}
    return gone or status_of(error) == 412  # noqa: PLR2004 - Precondition Failed, RFC 9110


def lacks(place: str, conditions: Conditions) -> str:
    """Return in words that a store does not honour conditions; empty for one that does."""
    return f"{place}: {_LACKS[conditions]}" if conditions in _LACKS else ""


def unconditional(place: str, conditions: Conditions) -> RefusedError:
    """Return the error for a store that lacks conditions, and no single writer was promised."""
    return RefusedError(f"{lacks(place, conditions)}, {_UNSAFE}", _SINGLE)


def not_s3(place: str, told: str = "the answer is none of S3's") -> FailedError:
    """Return the error for an answer that no S3 server gives.

    Args:
        place: What was asked for: ``s3://bucket/key``.
        told: What is wrong with the answer.
    """
    return FailedError(f"{place}: {told}", "Check that the endpoint is an S3 server.")


def etag_of(answer: Mapping[str, Any], place: str) -> str:
    """Return the etag that S3 tells of an object, as it does to every success.

    Raises:
        FailedError: There is none.
    """
    if etag := str(answer.get("ETag") or ""):
        return etag
    raise not_s3(place, "the answer has no ETag")


def explained(error: "BotoCoreError | ClientError", place: str, names: Names) -> KargoError:
    """Return the error as a user is told it.

    Args:
        error: What the client raised.
        place: What it was about: ``s3://bucket/key``.
        names: How the user knows what has to be corrected.
    """
    from botocore.exceptions import ClientError

    if isinstance(error, ClientError):
        return _answered(error, place, names)
    return raised(error, place, names)


def _answered(error: "ClientError", place: str, names: Names) -> KargoError:
    code, status = code_of(error), status_of(error)
    refusal = _REFUSALS.get(code) or _REFUSALS.get(str(status))
    words = _words(error)
    if refusal is None and code == _NOT_FOUND:  # S3 says what it does not find
        return FailedError(
            f"{place}: the server answered 404, and not as S3 does",
            f"Correct {names.endpoint} if that is no S3 server; else run it again.",
        )
    if refusal is None:
        return FailedError(
            f"{place}: S3 answered {_status(code, status)}{words}",
            "Run it again; if it stays so, ask those who run the store.",
        )
    message, remedy = refusal
    if code == "RequestTimeTooSkewed":
        message += f", where it is {excerpt(_headers(error).get('date', 'another time'))}"
    region = _region(error)
    if region and refusal in (_WRONG_REGION, _ELSEWHERE):
        return RefusedError(f"{place}: {message}{words}", f"Set {names.region} to {region}.")
    return RefusedError(f"{place}: {message}{words}", remedy.format(**vars(names)))


def _status(code: str, status: int) -> str:
    return str(status) if code == str(status) else f"{status} {excerpt(code)}"


def _words(error: "ClientError") -> str:
    said = excerpt(str(error.response.get("Error", {}).get("Message", "")))
    return f" (it says: {said})" if said else ""


def _region(error: "ClientError") -> str:
    response: Mapping[str, Any] = error.response
    told = response.get("Error", {}).get("Region")
    return excerpt(str(told or _headers(error).get("x-amz-bucket-region") or ""))


def _headers(error: "ClientError") -> Mapping[str, str]:
    return error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
