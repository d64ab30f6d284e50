import base64
import io
import json

import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials.secret import Secret
from aiclient2api.credentials.sources.api_key import ApiKeySource
from aiclient2api.credentials.sources.base64_text import Base64Source
from tests.credentials.samples import social

DATA = json.dumps(social(1, note="???>>>~~~")).encode()
PLAIN = base64.b64encode(DATA).decode()


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.rstrip("="),
        base64.urlsafe_b64encode(DATA).decode(),
        base64.encodebytes(DATA).decode(),
        f" {PLAIN}\n",
    ],
)
def test_forms_of_base64(text: str) -> None:
    source = Base64Source(Secret(text))
    assert source.load().access_token.reveal() == "AT-1"
    assert source.describe() == "environment variable KIRO_OAUTH_CREDS_BASE64"
    with pytest.raises(io.UnsupportedOperation):
        source.save(source.load(), source.load())


@pytest.mark.parametrize("text", ["%%%", "e30", "W10", base64.b64encode(b"CANARY").decode(), "Aquux", "é"])
def test_what_is_no_token_is_corrupt_and_not_quoted(text: str) -> None:
    with pytest.raises(GatewayError) as caught:
        Base64Source(Secret(text)).load()
    assert caught.value.reason == "credential_corrupt"
    assert text not in caught.value.message
    assert "CANARY" not in caught.value.message


def test_keys_of_places_are_stable_and_hide_the_text() -> None:
    assert Base64Source(Secret(PLAIN)).key == Base64Source(Secret(PLAIN)).key != Base64Source(Secret("e30=")).key
    assert PLAIN[:8] not in Base64Source(Secret(PLAIN)).key


def test_an_api_key_never_expires() -> None:
    credential = ApiKeySource(Secret("ksk_SAMPLE"), "eu-central-1").load()
    assert credential.lasts(1e12)
    grant = credential.grant()
    assert (grant.token_type, grant.region, grant.profile) == ("API_KEY", "eu-central-1", "")
