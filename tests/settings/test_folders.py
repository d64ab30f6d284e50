"""The folders of a user, held against platformdirs, which other programs and earlier versions of ours go by."""

from pathlib import Path, PurePosixPath

import pytest
from platformdirs.macos import MacOS
from platformdirs.unix import Unix

from aiclient2api.settings.folders import NAME, home, user_folders

HOME = "/home/someone"
VALUES = (None, "", " ", "/elsewhere", "/else where/", "relative/path", "~/tilde", "//two")


@pytest.mark.parametrize("data", VALUES)
@pytest.mark.parametrize("config", VALUES)
@pytest.mark.parametrize(("platform", "theirs"), [("linux", Unix), ("freebsd14", Unix), ("darwin", MacOS)])
def test_they_are_those_of_platformdirs(
    monkeypatch: pytest.MonkeyPatch, platform: str, theirs: type[Unix | MacOS], config: str | None, data: str | None
) -> None:
    """A3, A4: configuration and data of POSIX systems, whatever stands in XDG's variables."""
    environ = {"HOME": HOME}
    monkeypatch.setenv("HOME", HOME)
    for name, value in (("XDG_CONFIG_HOME", config), ("XDG_DATA_HOME", data)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
            environ[name] = value
    dirs = theirs(NAME, appauthor=False)
    assert user_folders(platform, environ, home()) == (dirs.user_config_path, dirs.user_data_path)


@pytest.mark.parametrize("value", [None, "", "relative", HOME])
def test_a_home_that_is_none(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    """HOME unset, empty or relative: the user database knows."""
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    if value is not None:
        monkeypatch.setenv("HOME", value)
    assert user_folders("linux", {}, home()).data == Unix(NAME, appauthor=False).user_data_path


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"LOCALAPPDATA": r"C:\Users\a b\AppData\Local"}, r"C:\Users\a b\AppData\Local\aiclient2api"),
        ({"LOCALAPPDATA": r"\\server\home\Local"}, r"\\server\home\Local\aiclient2api"),
        ({"LOCALAPPDATA": "", "XDG_DATA_HOME": "/x"}, r"C:\Users\me\AppData\Local\aiclient2api"),
        ({"LOCALAPPDATA": "Local"}, r"C:\Users\me\AppData\Local\aiclient2api"),
        ({}, r"C:\Users\me\AppData\Local\aiclient2api"),
    ],
)
def test_windows(environ: dict[str, str], folder: str) -> None:
    found = user_folders("win32", environ, r"C:\Users\me")
    assert found == (Path(folder), Path(folder))


def test_macos_without_variables() -> None:
    found = user_folders("darwin", {}, "/Users/me")
    assert {PurePosixPath(each) for each in found} == {PurePosixPath("/Users/me/Library/Application Support", NAME)}
