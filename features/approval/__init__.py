"""Approval: what a version of a model must show, and who must say yes, before anybody is answered by it.

Trainer and model sync share this room, so that the one cannot publish what the other would not let serve.
"""
