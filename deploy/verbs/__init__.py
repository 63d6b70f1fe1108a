"""The verbs of the command line: each converts options, calls the room that does the work, and words its answer.

Nothing but the standard library and typer is imported until a verb is called.
"""
