"""A domain's Feast declarations, read and checked: the parts of the plan compiler, one kind of object a file.

Everything here refuses with a `DomainError` that says what, where and what to do. Only `features.compiler` imports
this package, because it imports Feast.
"""
