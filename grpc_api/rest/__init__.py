"""The REST gateway: JSON in front of the same methods that gRPC calls, through the same gate, in the same loop.

A route turns JSON into the message of a method, asks (`asking`), and turns the answer back.
"""
