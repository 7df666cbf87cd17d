"""Marks of a transfer that was cut, and the quota of a folder."""

import hashlib

from dsoftbus.errors import SHARE_BUSY, SHARE_QUOTA
from dsoftbus.share.marks import FileHash, mark_offsets, usable
from dsoftbus.share.quota import Quota
from support import Random

CHUNK = 4096

FILE = Random(5)(3 * CHUNK + 100)


def test_offsets_of_marks():
    for have, offsets in (
        (0, []),
        (1, []),
        (CHUNK - 1, []),
        (CHUNK, [CHUNK]),
        (2 * CHUNK + 5, [2 * CHUNK, CHUNK]),
        (10 * CHUNK, [10 * CHUNK, 9 * CHUNK, 5 * CHUNK]),
        (1 << 40, [1 << 40, (1 << 40) - CHUNK, 1 << 39]),
    ):
        assert mark_offsets(have, CHUNK) == offsets, have


def hashed(data, offsets, step=1000) -> FileHash:
    found = FileHash(offsets)
    at = 0
    while at < len(data):
        n = found.room(min(step, len(data) - at))
        found.update(memoryview(data)[at : at + n])
        at += n
    assert found.at == len(data)
    return found


def test_each_mark_is_the_hash_of_a_beginning():
    for step in (1, 7, 1000, CHUNK, 1 << 20):
        found = hashed(FILE[: 2 * CHUNK + 9], [2 * CHUNK, CHUNK, 5], step)
        for offset, digest in found.marks():
            assert digest == hashlib.sha256(FILE[:offset]).digest()
        assert [mark[0] for mark in found.marks()] == [2 * CHUNK, CHUNK, 5]
        assert found.digest() == hashlib.sha256(FILE[: 2 * CHUNK + 9]).digest()


def test_the_sender_begins_where_the_files_part():
    marks = hashed(FILE, [3 * CHUNK, 2 * CHUNK, CHUNK]).marks()
    for changed_at, offset in (
        (len(FILE) - 1, 3 * CHUNK),
        (3 * CHUNK, 3 * CHUNK),
        (3 * CHUNK - 1, 2 * CHUNK),
        (CHUNK, CHUNK),
        (CHUNK - 1, 0),
        (0, 0),
    ):
        own = bytearray(FILE)
        own[changed_at] ^= 1
        assert hashed(bytes(own), usable(marks, len(own))).agrees(marks) == offset


def test_a_file_that_became_shorter_agrees_as_far_as_it_goes():
    marks = hashed(FILE, [3 * CHUNK, 2 * CHUNK, CHUNK]).marks()
    own = FILE[: 2 * CHUNK + 1]
    assert usable(marks, len(own)) == [2 * CHUNK, CHUNK]
    assert hashed(own, usable(marks, len(own))).agrees(marks) == 2 * CHUNK
    assert usable(marks, CHUNK - 1) == []
    assert FileHash(()).agrees(marks) == 0


def test_files_under_way_count_wholly():
    quota = Quota(100)
    assert quota.claim("a", 60, 0) == 0
    assert quota.claim("a", 1, 0) == SHARE_BUSY
    assert quota.claim("b", 41, 0) == SHARE_QUOTA
    assert quota.claim("b", 40, 0) == 0
    assert quota.claim("c", 1, 0) == SHARE_QUOTA
    assert quota.claim("c", 0, 0) == 0
    assert quota.is_claimed("b")
    quota.release("b")
    quota.release("b")
    assert not quota.is_claimed("b")
    assert quota.claim("b", 40, 1) == SHARE_QUOTA
    assert quota.claim("b", 39, 1) == 0


def test_without_a_quota_only_the_disk_decides():
    quota = Quota(None)
    assert quota.claim("a", 1 << 53, 1 << 53) == 0
    assert quota.claim("a", 1, 0) == SHARE_BUSY
