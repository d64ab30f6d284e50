"""The Kiro provider: AWS's GenerateAssistantResponse over the user's own Kiro login or key.

Pure: calls are described, answers are read, nothing is sent. `base_url` and `management_url` replace scheme and host
of the model requests and of the control plane; without a management URL the base URL serves both.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import Document, Image, Request
from aiclient2api.dialects.base import Peek, StreamDecoder
from aiclient2api.providers.base import Ask, Call, Grant, Letter, Prepared
from aiclient2api.providers.kiro import endpoints, errors, modeltable
from aiclient2api.providers.kiro import models as catalogue
from aiclient2api.providers.kiro.decoder import KiroDecoder
from aiclient2api.providers.kiro.endpoints import Form
from aiclient2api.providers.kiro.request import Built, build
from aiclient2api.providers.restore import restoring


class KiroProvider(msgspec.Struct, frozen=True, kw_only=True):
    """`wire` auto begins with the runtime form and changes to REST where the service wants that; `strict_end`: an
    answer without its closing events counts as cut off."""

    name: str = "claude-kiro-oauth"
    family: str = "kiro"
    dialect: str | None = None
    base_url: str | None = None
    management_url: str | None = None
    wire: Literal["runtime", "rest", "auto"] = "auto"
    strict_end: bool = True

    def prepare(self, ask: Ask, grant: Grant) -> Prepared:
        """Raises GatewayError("bad_request") for what Kiro cannot carry."""
        built = build(ask, grant.profile)
        changed = self.wire == "auto" and "rest" in ask.remedies and "runtime" not in ask.remedies
        form: Form = "rest" if changed else self._form
        return Prepared(
            call=endpoints.generate(grant, form, built.body, ask.seed, self.base_url),
            dropped=built.dropped,
            decoder=lambda: self._decoder(ask, built),
        )

    def passes(self, dialect: str, peek: Peek) -> bool:
        """Nobody else speaks Kiro's wire form."""
        return False

    def pass_on(self, letter: Letter, grant: Grant) -> Prepared:
        raise TypeError("no client speaks Kiro's wire form")

    def _decoder(self, ask: Ask, built: Built) -> StreamDecoder:
        choice = ask.request.tool_choice
        decoder = KiroDecoder(
            names=built.tools.names,
            ids=built.ids,
            tools=() if choice is not None and choice.mode == "none" else tuple(built.tools.declared),
            tags=built.tags,
            input_estimate=ask.input_estimate,
            window=ask.model.max_input,
            model=ask.model.id,
            strict_end=self.strict_end,
            stop=ask.request.stop,
        )
        return restoring(decoder, built.tools.declared)

    def takes_url(self, block: Image | Document, request: Request, model: Model) -> bool:
        """The service fetches nothing."""
        return False

    def classify(self, status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
        return errors.classify(status, headers, body)

    def remedy(self, error: GatewayError, applied: frozenset[str]) -> str | None:
        """A change of the wire form is no remedy where the form is fixed."""
        ruled_out = frozenset() if self.wire == "auto" else frozenset({"rest", "runtime"})
        return errors.remedy(error, applied | ruled_out)

    def count_tokens(self, ask: Ask, grant: Grant) -> Call | None:
        """The service does not count."""
        return None

    def parse_count(self, body: bytes) -> int:
        raise TypeError("the service does not count")

    def embed(self, form: str, model: str, body: bytes, grant: Grant) -> Call | None:
        """The service has no embeddings."""
        return None

    def list_models(self, grant: Grant) -> Call | None:
        return endpoints.list_models(grant, self._form, self._control_url)

    def list_profiles(self, grant: Grant, region: str) -> Call:
        """The call that lists the account's profiles in one API region; read by account.parse_profiles."""
        return endpoints.list_profiles(grant, region, self._form, self._control_url)

    def usage_limits(self, grant: Grant, refused: GatewayError | None = None) -> Call | None:
        """The call that tells plan and credits; read by account.parse_usage_limits. After it was `refused` the one that
        some plans take instead (kiro-protocol.md, 8.2), or None."""
        if refused is not None and refused.reason != "FEATURE_NOT_SUPPORTED":
            return None
        return endpoints.usage_limits(grant, self._form, self._control_url, narrow=refused is None)

    def parse_models(self, body: bytes) -> tuple[Model, ...]:
        return catalogue.parse_models(body)

    def static_models(self) -> tuple[Model, ...]:
        return modeltable.STATIC

    def resolve(self, name: str, models: Sequence[Model]) -> Model | None:
        return catalogue.resolve(name, models)

    def unlisted(self, name: str) -> Model:
        return catalogue.unlisted(name)

    def aliases(self) -> tuple[str, ...]:
        return modeltable.GUIDE_NAMES

    @property
    def _form(self) -> Form:
        """The form to begin with."""
        return "rest" if self.wire == "rest" else "runtime"

    @property
    def _control_url(self) -> str | None:
        return self.management_url or self.base_url
