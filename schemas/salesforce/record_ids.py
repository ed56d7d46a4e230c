"""Record ids as people write them: 15 characters, whose capitals count, or 18, of which three tell
which letters are capitals.
"""

_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHORT, _LONG = 15, 18


def whole_id(text: str) -> str:
    """The 18 characters of an id (SOAP API Developer Guide, "ID Field Type"); raises `ValueError`
    for what is none.
    """
    if len(text) not in (_SHORT, _LONG) or not (text.isascii() and text.isalnum()):
        raise ValueError("an id has 15 or 18 letters and digits")
    short = text[:_SHORT]
    whole = short + "".join(_capitals(short[place : place + 5]) for place in range(0, _SHORT, 5))
    if len(text) == _LONG and whole != text:
        raise ValueError(
            "its last three characters do not fit the others: a letter is wrong, or its case was lost"
        )
    return whole


def _capitals(chunk: str) -> str:
    return _SUFFIX[sum(1 << place for place, letter in enumerate(chunk) if "A" <= letter <= "Z")]


KEY_PREFIX_CHARACTERS = 3
"""Of an id, that say which object it is of (Salesforce Help, "Standard Field Record ID Prefix
Decoder").
"""
