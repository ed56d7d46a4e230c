"""Record ids: 15 case-sensitive characters, and the 18 that survive a system which ignores case.

The ids of an object grow, and sort as text in the order in which they were made, so an index on
them is only ever appended to.
"""

from functools import lru_cache

from sandbox.org.errors import malformed_id

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_INSTANCE = "Tg0"
"""Characters 4 to 6 of every id: Salesforce's place for the instance where a record was made."""
_COUNTER_CHARACTERS = 9
_LOW = [a + b for a in _DIGITS for b in _DIGITS]
_SHORT = 15
_LONG = 18


def eighteen(short: str) -> str:
    """The 18-character form of a 15-character id: three characters that tell which letters are
    capitals.
    """
    return short + _suffix(short[:5]) + _suffix(short[5:10]) + _suffix(short[10:])


@lru_cache(maxsize=65_536)
def _suffix(chunk: str) -> str:
    return _SUFFIX[_capitals(chunk)]


def _capitals(chunk: str) -> int:
    return sum(1 << place for place, character in enumerate(chunk) if "A" <= character <= "Z")


def normalised(object_name: str, key_prefix: str, value: object) -> str:
    """The 18-character form of an id as a client wrote it; raises `MALFORMED_ID` for anything
    else.
    """
    if not isinstance(value, str) or len(value) not in (_SHORT, _LONG) or not value.isalnum():
        raise malformed_id(object_name, value)
    long = eighteen(value[:_SHORT])
    if not value.startswith(key_prefix) or not value.isascii() or (len(value) == _LONG and long != value):
        raise malformed_id(object_name, value)
    return long


class IdMaker:
    """Makes an object's ids, continuing after `last` (an 18-character id; None before the first
    record).
    """

    def __init__(self, key_prefix: str, last: str | None) -> None:
        self._prefix = key_prefix + _INSTANCE
        self.counter = 0 if last is None else _counter(last[6:_SHORT])
        """How many ids were made so far."""
        self._turn_page()

    def next(self) -> str:
        """A new 18-character id."""
        self.counter += 1
        page, low = divmod(self.counter, len(_LOW))
        if page != self._page:
            self._turn_page()
        two = _LOW[low]
        third = self._third_base | (two[0].isupper() << 3) | (two[1].isupper() << 4)
        return f"{self._head}{two}{self._suffix}{_SUFFIX[third]}"

    def made(self, number: int) -> str:
        """The id that was made as the `number`-th, 1 for the first."""
        return eighteen(self._prefix + _encoded(number, _COUNTER_CHARACTERS))

    def _turn_page(self) -> None:
        """Work out once what 3,844 ids share."""
        self._page = self.counter // len(_LOW)
        self._head = self._prefix + _encoded(self._page, _COUNTER_CHARACTERS - 2)
        self._suffix = _suffix(self._head[:5]) + _suffix(self._head[5:10])
        self._third_base = _capitals(self._head[10:])


def _encoded(number: int, width: int) -> str:
    text = ""
    for _ in range(width):
        number, digit = divmod(number, len(_DIGITS))
        text = _DIGITS[digit] + text
    return text


def _counter(text: str) -> int:
    number = 0
    for character in text:
        number = number * len(_DIGITS) + _DIGITS.index(character)
    return number
