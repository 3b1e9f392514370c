"""What is said when a description is not of the allowed form, and the first looks at its parts."""


class Refused(Exception):
    """A description is not exactly of the allowed form. `reason` says in a line what is wrong."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class TooLarge(Refused):
    """A description breaks a limit."""


def shown(value: object) -> str:
    """A short text for any value of a description. Never an error: an integer may have a million digits."""
    if isinstance(value, str):
        return ascii(value[:40])
    if value is None or isinstance(value, (bool, float)):
        return repr(value)
    if isinstance(value, int):
        return repr(value) if abs(value) < 10**15 else "a huge number"
    return f"a value of type {type(value).__name__}"


def fields(value: object, *names: str) -> list:
    """The values of a dict under exactly these names; Refused if it is no dict, or if it has other names."""
    if type(value) is not dict:
        raise Refused(f"expected a dict, found {shown(value)}")
    if set(value) != set(names):
        strange = sorted(shown(key) for key in set(value) ^ set(names))
        raise Refused(f"missing or unknown: {', '.join(strange[:5])}")
    return [value[name] for name in names]


def expect(holds: object, reason: str) -> None:
    """Refused, for this reason, unless it holds."""
    if not holds:
        raise Refused(reason)
