"""Whether an output is what a page shows: ``…`` stands for what differs from run to run."""

from __future__ import annotations

import re

ANYTHING = "…"


_NUMBER = re.compile(r"(?<![\w.])(?:-?\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?|null)(?![\w.])")


def fits(shown: str, printed: str, *, any_number: bool = False) -> bool:
    r"""Compare line by line, blanks folded: ``…`` in a line is anything, a line of it alone is any lines.

    With ``any_number`` every number, and null, is as good as every other.

    Examples
    --------
    >>> fits("a  … c", "a b c"), fits("a\n…\nd", "a\nb\nc\nd"), fits("a", "a\nb")
    (True, True, False)
    >>> fits("7 of 1,000", "8 of 10"), fits("7 of 1,000 in 2.5e+07", "8 of 10 in null", any_number=True)
    (False, True)

    """
    if any_number:
        shown, printed = _NUMBER.sub("0", shown), _NUMBER.sub("0", printed)
    pattern = "".join(
        r"(?:.*\n)*" if line == ANYTHING else ".*".join(map(re.escape, line.split(ANYTHING))) + r"\n"
        for line in _lines(shown)
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _lines(printed))) is not None


def _lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.strip().splitlines()]
