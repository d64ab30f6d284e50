"""Simulated upstreams: what the gateway stands on when there is no login, and what its tests call.

Kiro (both wire forms, refresh, models, usage), Anthropic, OpenAI (Chat, Responses, embeddings), Gemini and Code Assist
(with Google's refresh) on one address: `make_handler(Simulation(...))` is a handler for the HTTP server. Answers say
that they are simulated and follow from the conversation alone.
"""

from aiclient2api.simulator.handler import make_handler
from aiclient2api.simulator.script import Step, parse
from aiclient2api.simulator.simulation import Simulation

__all__ = ["Simulation", "Step", "make_handler", "parse"]
