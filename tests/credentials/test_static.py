import asyncio

import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials.base import Login
from aiclient2api.credentials.secret import Secret
from aiclient2api.credentials.static import NoLogin, StaticLogin


@pytest.mark.parametrize(
    ("login", "token", "source"),
    [
        (StaticLogin(Secret("sk-CANARY"), "claude", "CLAUDE_API_KEY"), "sk-CANARY", "CLAUDE_API_KEY"),
        (NoLogin(), "", "no"),
    ],
)
def test_logins_that_never_change(login: Login, token: str, source: str) -> None:
    async def use() -> None:
        grant = await login.grant()
        assert grant.token == token
        assert (await login.check()).usable
        with pytest.raises(GatewayError) as caught:
            await login.renew(grant)
        assert caught.value.blame == "credential"
        assert "CANARY" not in caught.value.message
        await login.close()

    asyncio.run(use())
    assert source in login.status().source
    assert "CANARY" not in login.id + repr(login.status())
