"""What the user has configured about one Kiro login (keys KIRO_*), globally or for one pool account."""

import msgspec

from aiclient2api.credentials.secret import Secret
from aiclient2api.credentials.sources.identity import place_key


class KiroLogin(msgspec.Struct, frozen=True, kw_only=True):
    """`discover`: look in the usual places if nothing is named (false for a pool account).

    `region` is the API region and wins over the profile's. `refresh_url` and `refresh_idc_url` are whole URLs,
    `management_url` a base. `near` is how many seconds ahead of expiry the background refresh comes.
    """

    file_path: str | None = None
    dir_path: str | None = None
    base64: Secret | None = None
    api_key: Secret | None = None
    discover: bool = True
    region: str = ""
    profile_arn: str = ""
    refresh_url: str | None = None
    refresh_idc_url: str | None = None
    management_url: str | None = None
    near: float = 900.0

    @property
    def id(self) -> str:
        """Masked and stable, known before anything has been found."""
        named = {
            "base64": self.base64 and self.base64.reveal(),
            "file": self.file_path,
            "folder": self.dir_path,
            "api-key": self.api_key and not self.discover and self.api_key.reveal(),
        }
        kind, where = next(((kind, where) for kind, where in named.items() if where), ("found", ""))
        return place_key(kind, str(where))[: len("kiro-") + 6]
