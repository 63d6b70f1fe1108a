"""From one birth of a view to the next: the new one serves, Feast's fields show it, and the old one is withdrawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from features.agreement import ErasureLake, learn_erasures
from features.bootstrap import CHUNK, birth_of, state_write
from features.errors import ErasureMissedError
from features.kernel import ViewKernel
from features.kernels import open_kernel
from features.plan import Plan
from features.state import head_of
from features.store import Birth, Store


async def serve_births(store: Store, lake: ErasureLake, plan: Plan) -> list[Birth]:
    """Let every birth of a plan serve, live as long as the plan says, and Feast's fields show it.

    Births of other plans go on serving whoever reads them; Feast's fields, of which a view has one set, leave them. May
    be broken off and begun again.

    Parameters
    ----------
    store
        Connected.
    lake
        Knows whom to leave out.
    plan
        All of its views have births, and workers that feed them.

    Returns
    -------
    list of Birth
        Those that took the place of others, or that did not serve before.

    Raises
    ------
    BirthMissingError
        A view has no birth; nothing was changed for those behind it.

    """
    await learn_erasures(store, lake, plan)
    certificate = await store.read_certificate()
    served = []
    for view in plan.views:
        birth = birth_of(certificate, view)
        others = [other for other in certificate.births if other.view == view.name and other.id != birth.id]
        if birth.key_ttl_s != plan.key_ttl_s:
            birth = msgspec.structs.replace(birth, key_ttl_s=plan.key_ttl_s)
            await store.write_birth(birth)
        if birth.serving and birth.feast and not others:
            continue
        for other in others:
            await store.write_birth(msgspec.structs.replace(other, feast=False))
        await store.write_birth(msgspec.structs.replace(birth, feast=True))
        await _show(store, lake, plan, birth)
        served.append(msgspec.structs.replace(birth, serving=True, feast=True))
        await store.write_birth(served[-1])
    return served


async def _show(store: Store, lake: ErasureLake, plan: Plan, birth: Birth) -> None:
    """Set Feast's fields of every entity to what this birth holds; whoever is forgotten meanwhile is left out."""
    view = plan.view(birth.view)
    kernel = open_kernel(view, plan.source_of(view))
    async for keys in store.entity_keys(birth.join_keys):
        for begin in range(0, len(keys), CHUNK):
            chunk = keys[begin : begin + CHUNK]
            while True:
                try:
                    await _show_some(store, kernel, birth, chunk)
                    break
                except ErasureMissedError:
                    await learn_erasures(store, lake, plan)


async def _show_some(store: Store, kernel: ViewKernel, birth: Birth, keys: Sequence[bytes]) -> None:
    """By compare and set: where a worker writes in between, it has set the fields itself."""
    states = await store.read_states(birth.view, birth.id, keys)
    writes = [
        state_write(kernel, key, head_of(data), kernel.decode(data))
        for key, data in zip(keys, states, strict=True)
        if data
    ]
    await store.write_states(birth.view, birth.id, writes)


async def withdraw_births(store: Store, plans: Iterable[Plan], *, awaited: Iterable[Plan] = ()) -> list[Birth]:
    """Withdraw the births that none of some plans has a use for.

    They are of views that are gone, or were declared otherwise, or were born again. If one of them came back with a
    later plan it would take up where it stopped, long behind. Workers of other plans cannot write after this.

    Parameters
    ----------
    store
        Connected.
    plans
        All that anybody runs. A view of theirs that has no birth yet wants none.
    awaited
        Plans to be rolled out next: births that were made for them, and have not served yet, stay.

    Returns
    -------
    list of Birth
        Those withdrawn; `features.sweep` takes their fields away.

    """
    certificate = await store.read_certificate()
    newest = {(birth.view, birth.view_hash): birth for birth in certificate.births}
    used = [newest.get((view.name, view.hash)) for plan in plans for view in plan.views]
    waiting = [newest.get((view.name, view.hash)) for plan in awaited for view in plan.views]
    used += [birth for birth in waiting if birth is not None and not birth.serving]
    useless = [birth for birth in certificate.births if birth not in used]
    for birth in useless:
        await store.drop_birth(birth.view, birth.id)
    return useless
