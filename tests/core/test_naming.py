"""A person's word means one peer or is an error: exact first, trusted before heard of."""

from dsoftbus.errors import AMBIGUOUS_NAME
from dsoftbus.trust.naming import find
from support import raises


class One:
    def __init__(self, beginning: str, name: str = ""):
        self.id = beginning + "a" * (26 - len(beginning))
        self.name = name


HUB = One("kq3v7", "hub")
GROUND = One("hubb", "lamp")  # an id that was ground to begin with a name
HALL = One("hall2", "hall")


def test_an_exact_id_means_its_peer_and_nobody_else():
    imitator = One("zzzz", HUB.id)  # whose name is another's id
    assert find(HUB.id, [imitator, HUB]) == HUB.id
    assert find(HUB.id, [imitator], [HUB]) == HUB.id
    assert find(One("qqqq").id, [HUB], [GROUND]) == ""


def test_an_exact_name_comes_before_the_beginning_of_an_id():
    hubb = One("qqqq", "hubb")
    assert find("hubb", [GROUND, hubb]) == hubb.id
    assert find("hubb", [GROUND]) == GROUND.id
    assert find("hub", [GROUND, HUB]) == HUB.id
    assert find("hub", [GROUND]) == ""  # three characters are no beginning
    assert find("hall", [HALL, One("hallo")]) == HALL.id


def test_a_trusted_peer_comes_before_those_that_were_heard_of():
    claims = One("xxxx", "hub")
    assert find("hub", [HUB], [claims]) == HUB.id
    assert find("hub", [], [claims]) == claims.id
    assert find("hub", [GROUND], [claims]) == claims.id
    assert find("kq3v", [HUB], [One("kq3vz")]) == HUB.id
    assert find("kq3v", [HUB], [One("zzzz", "kq3v")]) == HUB.id  # a name of a stranger's choice


def test_more_than_one_is_an_error_that_names_them():
    other = One("zzzz", "hub")
    for trusted, heard in (([HUB, other], []), ([], [HUB, other])):
        said = raises(AMBIGUOUS_NAME, find, "hub", trusted, heard).detail
        assert HUB.id in said and other.id in said and "'hub'" in said
    near = One("kq3va", "near")
    for trusted, heard in (([HUB, near], []), ([], [HUB, near])):
        said = raises(AMBIGUOUS_NAME, find, "kq3v", trusted, heard).detail
        assert HUB.id in said and near.id in said
    many = [One("kq3v" + char) for char in "bcdefghijkl"]
    assert "and 3 more" in raises(AMBIGUOUS_NAME, find, "kq3v", many).detail


def test_what_is_no_beginning_of_an_id_means_nobody():
    for text in ("", "k", "kq3", "KQ3V", "kq3v1", "kq3v7a*", "kq3v7" + "a" * 22, "-kq3v"):
        assert find(text, [HUB]) == "", text
    assert find("", [One("kq3v", "")]) == ""


def test_the_short_form_that_people_are_shown_means_its_peer():
    peer = One("kq3v7abc")
    assert find("kq3v-7abc", [peer, HUB]) == peer.id
    assert find("kq3v-7abd", [peer, HUB]) == ""
