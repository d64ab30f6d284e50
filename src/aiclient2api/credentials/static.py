"""Logins without a life of their own: a key from the configuration, or none at all."""

import hashlib

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials.base import LoginStatus
from aiclient2api.credentials.secret import Secret
from aiclient2api.providers.base import Grant


class StaticLogin:
    """A key that never changes. `label` is the provider's word in the id, `setting` the key's name in the settings,
    `token_type` as in Grant."""

    def __init__(
        self, token: Secret, label: str = "key", setting: str = "the configuration", token_type: str = ""
    ) -> None:
        self._token = token
        self._token_type = token_type
        self._setting = setting
        self.id = f"{label}-{hashlib.sha256(token.reveal().encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"

    async def grant(self) -> Grant:
        return Grant(self._token.reveal(), self._token_type)

    async def renew(self, rejected: Grant) -> Grant:
        message = f"The provider rejected the API key. Check the key in {self._setting}."
        raise GatewayError("login_required", message, reason="key_rejected")

    async def check(self) -> LoginStatus:
        return self.status()

    def status(self) -> LoginStatus:
        return LoginStatus(usable=True, source=self._setting, account=self.id, method="api_key")

    async def close(self) -> None:
        return None


class NoLogin:
    """For upstreams that want no key: the simulator, local servers."""

    def __init__(self, id: str = "none") -> None:
        self.id = id

    async def grant(self) -> Grant:
        return Grant("")

    async def renew(self, rejected: Grant) -> Grant:
        raise GatewayError("login_required", "The provider wants a key, and none is configured.", reason="key_missing")

    async def check(self) -> LoginStatus:
        return self.status()

    def status(self) -> LoginStatus:
        return LoginStatus(usable=True, source="no login needed", account=self.id)

    async def close(self) -> None:
        return None


class MissingLogin:
    """A provider that was asked for by name but has no key. `message` says which setting is missing."""

    def __init__(self, message: str, label: str) -> None:
        self._message = message
        self.id = f"{label}-missing"

    async def grant(self) -> Grant:
        raise GatewayError("login_required", self._message, reason="key_missing")

    async def renew(self, rejected: Grant) -> Grant:
        return await self.grant()

    async def check(self) -> LoginStatus:
        return self.status()

    def status(self) -> LoginStatus:
        return LoginStatus(usable=False, reason=self._message, problem="key_missing", account=self.id)

    async def close(self) -> None:
        return None
