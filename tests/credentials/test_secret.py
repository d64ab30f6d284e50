import logging
import pickle

import pytest

from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.secret import Secret

CANARY = "aorCANARY-7f3a"


def test_no_way_of_printing_shows_it() -> None:
    secret = Secret(CANARY)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>9}", f"{secret:>9}", "%s" % secret, str([secret])]  # noqa: UP031
    assert all("***" in each and CANARY not in each for each in shown)


def test_equal_by_value_and_false_if_empty() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    assert not Secret("")


def test_neither_ordered_nor_pickled() -> None:
    with pytest.raises(TypeError):
        sorted([Secret("a"), Secret("b")])  # type: ignore[type-var]  # the point of the test
    with pytest.raises(TypeError):
        pickle.dumps(Secret("a"))


def test_a_credential_and_its_grant_hide_their_secrets(caplog: pytest.LogCaptureFixture) -> None:
    """S1"""
    credential = Credential(access_token=Secret(CANARY), refresh_token=Secret(CANARY), client_secret=Secret(CANARY))
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").info("%s %r %s", credential, credential, credential.grant())
    assert CANARY not in caplog.text
    assert CANARY not in f"{credential} {credential.grant()!r} {credential.fingerprint}"
