"""What teachers are shown and whose weights they have, once more: loops over plain values, nothing of methods/.

A rollout here is a tuple (answer or None, right, reward, tokens, text). Written from the rules that docs/audit.md
lists, rows 5 and 16 to 21.
"""

from __future__ import annotations

Rollout = tuple[str | None, bool, float, tuple[int, ...], str]


def candidates(group: list[Rollout], unboxed: str) -> list[tuple[int, str]]:
    """Wrong rollouts that may be r-, and the answer each would show."""
    found = []
    for number, (answer, right, _, _, text) in enumerate(group):
        if right:
            continue
        if answer is None and unboxed == "none_str":
            found.append((number, "None"))
        elif answer:
            found.append((number, answer))
        elif unboxed != "skip":
            found.append((number, text[:50]))
    return found


def picked(group: list[Rollout], among: list[tuple[int, str]], pick: str) -> int | None:
    """The rollout chosen of ``among``: the first with the lowest reward, or the first with the commonest answer."""
    best = None
    for number, shown in among:
        alike = sum(other == shown for _, other in among)
        merit = alike if pick == "modal_wrong" else -group[number][2]
        if best is None or merit > best[0]:
            best = (merit, number)
    return None if best is None else best[1]


def part_of(tokens: tuple[int, ...], part: str, k: int, bug: bool) -> tuple[int, ...]:
    """First or last k tokens, or all; the released suffix of a short rollout is empty."""
    if part == "full":
        return tokens
    chosen = []
    for place in range(len(tokens)):
        first = part == "prefix" and place < k
        last = part == "suffix" and place >= len(tokens) - k and not (bug and len(tokens) < k)
        if first or last:
            chosen.append(tokens[place])
    return tuple(chosen)


def wrong(
    group: list[Rollout], part: str, pick: str, unboxed: str, alone: bool, k: int, bug: bool
) -> list[str | tuple[int, ...] | None]:
    """What P- is shown for each rollout: an answer, tokens, or nothing. ``alone``: never its own."""
    out: list[str | tuple[int, ...] | None] = []
    for me in range(len(group)):
        among = [one for one in candidates(group, unboxed) if not (alone and one[0] == me)]
        number = picked(group, among, pick)
        if number is None:
            out.append(None)
        elif part == "answer":
            out.append(dict(among)[number])
        else:
            out.append(part_of(group[number][3], part, k, bug))
    return out


def right(group: list[Rollout], truth: str, part: str, alone: bool, k: int, bug: bool) -> list[str | tuple[int, ...]]:
    """What P+ is shown for each rollout: the answer, or (part of) the right rollout with the highest reward."""
    out: list[str | tuple[int, ...]] = []
    for me in range(len(group)):
        best = None
        for number, (_, is_right, reward, _, _) in enumerate(group):
            if is_right and not (alone and number == me) and (best is None or reward > group[best][2]):
                best = number
        out.append(truth if part == "answer" or best is None else part_of(group[best][3], part, k, bug))
    return out


def peer(group: list[Rollout]) -> list[tuple[int, ...] | None]:
    """The first right rollout that is not one's own."""
    out: list[tuple[int, ...] | None] = []
    for me in range(len(group)):
        others = [one for number, one in enumerate(group) if one[1] and number != me]
        out.append(others[0][3] if others else None)
    return out


def teacher_values(actor: list[list[float]], source: str, decay: float, tick: str, every: int) -> list[float]:
    """One weight of the teacher at each rollout step; ``actor``: its values before each step and after each update.

    Row s of ``actor``: before step s, after its first update, after its second, ...; row s + 1 begins where s ends.
    """
    kept, out = actor[0][0], []
    for step, row in enumerate(actor):
        if source == "synced" and step % every == 0:
            kept = row[0]
        out.append({"actor": row[0], "fixed": 0.0}.get(source, kept))
        if source == "ema":
            for value in row[1:] if tick == "update" else row[-1:]:
                kept = decay * kept + (1 - decay) * value
    return out
