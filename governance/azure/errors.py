"""What can go wrong with Azure, as types that tell the caller what to do.

| type | retry later? | meaning for a sync |
|---|---|---|
| SignInFailed | after the remedy | nothing can be read from this tenant |
| AccessDenied | after the remedy | this source is dark; another source may answer |
| Throttled | yes, after `retry_after_seconds` | what was not read stays unknown |
| Gone | no | the thing asked for is not visible (never proof of deletion) |
| NotOffered | no | the subscription's offer has no such data; another source may |
| Unavailable | yes | what was not read stays unknown |
| BadShape | no | the answer could not be understood; what was not read stays unknown |
"""


class AzureError(Exception):
    """Azure did not give what was asked for. `remedy` says what a person can do about it, in one sentence."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class SignInFailedError(AzureError):
    """No token: the credential is missing, wrong or expired, or the tenant does not know the application."""


class AccessDeniedError(AzureError):
    """401 or 403 from the API itself: the application is known but lacks a role."""


class ThrottledError(AzureError):
    """Azure asks to wait longer than a run may sleep."""

    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__(
            f"Azure asks to wait {retry_after_seconds:.0f} seconds.",
            remedy="Nothing to do: the run is tried again after that.",
        )
        self.retry_after_seconds = retry_after_seconds


class GoneError(AzureError):
    """404: not there, or not visible to this application."""


class NotOfferedError(AzureError):
    """400 because of the subscription's offer: it is not asked again in the same run."""


class UnavailableError(AzureError):
    """No answer, a cut answer or 5xx, also after the retries."""


class BadShapeError(AzureError):
    """An answer that is not what the reference promises: not JSON, a field missing, a page that repeats."""
