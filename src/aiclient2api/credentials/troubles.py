"""The ways a login can be of no use, in words for the user. `reason` keeps them apart for programs:

credential_missing, credential_unreadable, credential_corrupt (three different states of a place),
login_dead (the service has ended it), login_refused (it refuses the account), refresh_failed (it may work later).
"""

from pathlib import Path

import msgspec

from aiclient2api.canonical.errors import GatewayError, Kind

LOG_IN_AGAIN = "Log in again with the Kiro app or `aiclient2api login kiro`."


class Trouble(msgspec.Struct, frozen=True):
    """A failure that many callers share: each raises an error of its own."""

    kind: Kind
    message: str
    reason: str
    retry_after: float | None = None

    def error(self) -> GatewayError:
        return GatewayError(self.kind, self.message, reason=self.reason, retry_after=self.retry_after)


def trouble_of(error: GatewayError) -> Trouble:
    return Trouble(error.kind, error.message, error.reason or "", error.retry_after)


def missing_file(path: Path) -> GatewayError:
    return missing(f"[Kiro Auth] Credential file not found: {path}")


def unreadable_folder() -> GatewayError:
    return GatewayError(
        "login_required", "[Kiro Auth] Could not read credential directory", reason="credential_unreadable"
    )


def missing(message: str) -> GatewayError:
    return GatewayError("login_required", message, reason="credential_missing")


def unreadable(place: str, error: Exception) -> GatewayError:
    why = getattr(error, "strerror", None) or str(error)
    message = f"[Kiro Auth] Could not read {place}: {why}. Check its owner and permissions."
    return GatewayError("login_required", message, reason="credential_unreadable")


def corrupt(place: str, why: str) -> GatewayError:
    message = f"[Kiro Auth] {place} is not a usable Kiro login: {why}. It was left as it is. {LOG_IN_AGAIN}"
    return GatewayError("login_required", message, reason="credential_corrupt")
