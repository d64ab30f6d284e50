"""The middle: one block-structured vocabulary of requests, events and errors. Imports nothing of ours."""
