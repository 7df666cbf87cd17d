"""The rule for names: text that every terminal and every log shows as it is.

Nodes, services, streams and files have names. None holds a control or format character, a line or
paragraph separator, a surrogate, a private or never to be assigned code point (Unicode's
categories Cc Cf Zl Zp Cs Co, and noncharacters), and none begins or ends with a space.
"""

# Beyond ASCII. Each pair: the code point before a range that is refused, and the range's last.
# tests/host/test_names.py compares it with the Unicode data of CPython.
_EDGES = (
    "~\x9f\xac\xad\u05ff\u0605\u061b\u061c\u06dc\u06dd\u070e\u070f\u088f\u0891\u08e1\u08e2"
    "\u180d\u180e\u200a\u200f\u2027\u202e\u205f\u206f\ud7ff\uf8ff\ufdcf\ufdef\ufefe\ufeff"
    "\uffef\ufffb\U000110bc\U000110bd\U000110cc\U000110cd\U0001342f\U0001343f"
    "\U0001bc9f\U0001bca3\U0001d172\U0001d17a\U000dffff\U000e00ff\U000e01ef\U0010ffff"
)
_SPACES = " \xa0\u1680\u202f\u205f\u3000"  # and U+2000..U+200A


def allowed(name: str) -> bool:
    """Returns whether `name` keeps the rule above. An empty one does."""
    for char in name:
        if not " " <= char < "\x7f" and _refused(char):
            return False
    return not (name and (_is_space(name[0]) or _is_space(name[-1])))


def _refused(char: str) -> bool:
    if char < " " or ord(char) & 0xFFFE == 0xFFFE:
        return True
    inside = False
    for edge in _EDGES:
        if char <= edge:
            break
        inside = not inside
    return inside


def _is_space(char: str) -> bool:
    return char in _SPACES or "\u2000" <= char <= "\u200a"
