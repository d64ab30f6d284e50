"""The ways a login can be of no use, in words for the user. `reason` keeps them apart for programs:

credential_missing, credential_unreadable, credential_corrupt (three different states of a place),
login_dead (the service has ended it), login_refused (it refuses the account), refresh_failed (it may work later).
"""

from pathlib import Path
from typing import NamedTuple

import msgspec

from aiclient2api.canonical.errors import GatewayError, Kind


class Words(NamedTuple):
    """How messages about one kind of login begin, and what its user is told to do."""

    label: str
    kind: str
    again: str


KIRO = Words("[Kiro Auth]", "Kiro", "Log in again with the Kiro app or `aiclient2api login kiro`.")
GEMINI = Words("[Gemini Auth]", "Gemini CLI", "Log in again with the Gemini CLI or `aiclient2api login gemini`.")


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


def missing_file(path: Path, words: Words = KIRO) -> GatewayError:
    return missing(f"{words.label} Credential file not found: {path}")


def unreadable_folder() -> GatewayError:
    return GatewayError(
        "login_required", f"{KIRO.label} Could not read credential directory", reason="credential_unreadable"
    )


def missing(message: str) -> GatewayError:
    return GatewayError("login_required", message, reason="credential_missing")


def unreadable(place: str, error: Exception, words: Words = KIRO) -> GatewayError:
    why = getattr(error, "strerror", None) or str(error)
    message = f"{words.label} Could not read {place}: {why}. Check its owner and permissions."
    return GatewayError("login_required", message, reason="credential_unreadable")


def corrupt(place: str, why: str, words: Words = KIRO) -> GatewayError:
    message = f"{words.label} {place} is not a usable {words.kind} login: {why}. It was left as it is. {words.again}"
    return GatewayError("login_required", message, reason="credential_corrupt")
