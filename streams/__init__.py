"""The stream processor: events in, feature states and lake files out.

A Faust app whose transport hands over whole fetched batches. Only `transport` and `app` know of Faust; `engine` and
what it uses could run under any consumer that reads a partition in order.
"""
