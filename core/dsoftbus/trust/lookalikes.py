"""Names that people take for one another: another case, other scripts' letters, a zero for an O.

A small table for boards, in the spirit of Unicode's UTS #39: Latin letters with marks, and those
of Cyrillic, Greek and Armenian that look like Latin ones. A host has all of Unicode's.
"""

# The letter of _ALIKE that stands where one stands in _LETTERS looks like it.
_LETTERS = (
    "\xc0\xc1\xc2\xc3\xc4\xc5\xc7\xc8\xc9\xca\xcb\xcc\xcd\xce\xcf\xd1\xd2\xd3\xd4\xd5\xd6\xd8"
    "\xd9\xda\xdb\xdc\xdd\xe0\xe1\xe2\xe3\xe4\xe5\xe7\xe8\xe9\xea\xeb\xec\xed\xee\xef\xf1\xf2"
    "\xf3\xf4\xf5\xf6\xf8\xf9\xfa\xfb\xfc\xfd\xff\u0131\u0142\u0251\u0261\u0391\u0392\u0395"
    "\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03b1\u03b3\u03b9"
    "\u03ba\u03bd\u03bf\u03c1\u03c3\u03c4\u03c5\u03c7\u03c9\u03f2\u03f9\u0405\u0406\u0408"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u042c\u0430"
    "\u0433\u0435\u043a\u043e\u043f\u0440\u0441\u0443\u0445\u044c\u0455\u0456\u0458\u0475"
    "\u04af\u04bb\u04c0\u04cf\u0501\u051b\u051d\u0566\u0570\u0578\u057d\u0581\u0585"
)
_ALIKE = (
    "aaaaaaceeeeiiiinoooooouuuuyaaaaaaceeeeiiiinoooooouuuuyyilagabezhikmnoptyxayikvopotuxwccs"
    "ijabekmhopctyxbarekonpcyxbsijvyhlldqwqhnugo"
)
_WIDE = 0xFEE0  # from a full-width form to its ASCII character


def alike(name: str, other: str) -> bool:
    """Returns whether people may take one of these names for the other."""
    ours, theirs = _seen(name), _seen(other)
    return ours != "" and ours == theirs


def _seen(name: str) -> str:
    """Returns the shape of a name at a glance."""
    return "".join([_shape(char) for char in name])


def _shape(char: str) -> str:
    if "\uff01" <= char <= "\uff5e":
        char = chr(ord(char) - _WIDE)
    if "\u0300" <= char <= "\u036f" or "\ufe00" <= char <= "\ufe0f":
        return ""  # marks over letters, and variants of pictures
    at = _LETTERS.find(char)
    char = _ALIKE[at] if at >= 0 else char.lower()
    if char in "i1|":
        return "l"
    return {"0": "o", "m": "rn", "w": "vv"}.get(char, char)
