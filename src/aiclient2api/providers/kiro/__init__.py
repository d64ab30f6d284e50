"""Kiro (Amazon Q Developer, CodeWhisperer): a wire form of its own, spoken by nobody else."""

from aiclient2api.providers.kiro.provider import KiroProvider

__all__ = ["KiroProvider"]
