"""`aiclient2api` without its ledger, which cannot be switched off: what the books cost is measured against this."""

from aiclient2api.cli import main
from aiclient2api.gateway import assembly
from aiclient2api.gateway.books import Books

if __name__ == "__main__":
    setattr(assembly, "Books", lambda ledger, *others, **more: Books(None, *others, **more))  # noqa: B010 - the name is the module's own, not to be rebound
    main()
