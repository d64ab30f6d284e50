"""Documents and search results as text, for services that take only text in their place."""

from aiclient2api.canonical.request import Document, Plain, SearchResult


def document_text(block: Document, source: Plain) -> str:
    """A text document with what the model should know of it around it."""
    title = block.title or block.filename
    head = f'<document title="{title}">' if title else "<document>"
    context = f"\n<context>{block.context}</context>" if block.context else ""
    return f"{head}{context}\n{source.text}\n</document>"


def search_text(block: SearchResult) -> str:
    text = "\n\n".join(each.text for each in block.content)
    return f'<search_result source="{block.source}" title="{block.title}">\n{text}\n</search_result>'
