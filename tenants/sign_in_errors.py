"""What people are told when a provider did not sign them in."""

from social_core.exceptions import (
    AuthCanceled,
    AuthConfigurationError,
    AuthCredentialError,
    AuthInputError,
    AuthPolicyError,
    AuthProviderError,
    AuthSessionError,
    SocialAuthBaseException,
)

CANCELLED = "You were not signed in: it was cancelled at the identity provider."
TOO_OLD = "That sign-in is too old, was used already, or was begun in another browser. Please sign in again."
NOT_FROM_THERE = "People of your organisation's directory may not sign in here. Ask whoever invited you."
NO_ANSWER = "The identity provider does not answer. Please try again in a minute."
NOT_SET_UP = "Sign-in is not set up correctly. Please tell an admin of the platform."
NOT_TRUSTED = (
    "The identity provider's answer could not be trusted, so nobody was signed in. Please sign in again; "
    "if that happens again, tell an admin of the platform."
)
FORGOTTEN = "To choose a new password, use the password reset of your identity provider. Then sign in again."
FORGOT_PASSWORD = "AADB2C90118"  # noqa: S105 - how the description of B2C begins when that was pressed in its page
OUTDATED = {"response_expired", "nonce_mismatch"}  # codes of answers that were good once, or for somebody else
WORDS: tuple[tuple[type[SocialAuthBaseException], str], ...] = (
    (AuthCanceled, CANCELLED),
    (AuthSessionError, TOO_OLD),
    (AuthInputError, TOO_OLD),
    (AuthCredentialError, TOO_OLD),
    (AuthPolicyError, NOT_FROM_THERE),
    (AuthProviderError, NO_ANSWER),
    (AuthConfigurationError, NOT_SET_UP),
)


def words_of(error: SocialAuthBaseException, *, description: str = "") -> str:
    """One sentence or two that say what to do, and nothing of what the provider wrote, in its description or else."""
    if description.startswith(FORGOT_PASSWORD):
        return FORGOTTEN
    if error.code in OUTDATED:
        return TOO_OLD
    return next((words for kind, words in WORDS if isinstance(error, kind)), NOT_TRUSTED)
