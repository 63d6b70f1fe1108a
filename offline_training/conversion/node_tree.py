"""A tree out of a library's numbered nodes, where a leaf is a node as well."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from offline_training.conversion.ensemble import Split, Tree


def tree_of_nodes(
    lefts: Sequence[int],
    rights: Sequence[int],
    split_of: Callable[[int], Split],
    leaf_of: Callable[[int], tuple[float, float]],
    output: int = 0,
) -> Tree:
    """The tree below node 0; a node whose ``lefts`` is negative is a leaf.

    ``split_of`` a node gives its decision, with any children; ``leaf_of`` one gives its value and its cover. Nodes
    that nothing leads to (pruned ones) are left out.
    """
    order, leaves = [0], list[int]()
    splits: list[int] = []
    while order:
        node = order.pop()
        if lefts[node] < 0:
            leaves.append(node)
        else:
            splits.append(node)
            order += [rights[node], lefts[node]]
    numbers = {node: i for i, node in enumerate(splits)} | {node: ~i for i, node in enumerate(leaves)}
    found = [leaf_of(node) for node in leaves]
    return Tree(
        tuple(split_of(node)._replace(left=numbers[lefts[node]], right=numbers[rights[node]]) for node in splits),
        tuple(value for value, _ in found),
        tuple(cover for _, cover in found),
        output,
    )
