"""Files that peers store on a board: power cuts and full media, on littlefs and FAT."""

import os
import time

from flash import Flash, Mounted, PowerCut

from dsoftbus.errors import BAD_ARGUMENT, FILE_EXISTS, SHARE_BUSY, STREAM_REFUSED
from dsoftbus.share.names import part_name
from dsoftbus_mpy.base import secret_files
from dsoftbus_mpy.services import shared_files
from dsoftbus_mpy.services.shared_files import Files
from support import WHOLE, Random, raises

ROOT = "/flash"
PEER = "abcdefgh234567abcdefgh2345"
OTHER = "hgfedcba234567abcdefgh2345"
PAGE = 4096  # of which marks are multiples
FLUSHED = 16384


class Fat:
    """A card's sectors are written wholly or not at all. `others` are files so that names stand
    on both sides of a sector's end in the folder."""

    vfs = os.VfsFat
    blocks = (512, 256)
    torn = (0, 512)
    others = range(17) if WHOLE else (12, 15)


class Littlefs:
    vfs = os.VfsLfs2
    blocks = (512, 256)
    torn = (0, 1, 100, 512) if WHOLE else (0, 100)
    others = (0, 5) if WHOLE else (0,)


SYSTEMS = (Fat, Littlefs)


def formatted(system) -> Flash:
    flash = Flash(*system.blocks)
    system.vfs.mkfs(flash)
    return flash


def revived(flash) -> Flash:
    """The flash after power-up."""
    copy = flash.revived()
    if flash.dead:
        flash.data = b""  # nobody reads it again, and it stays where power was cut
    return copy


def shared():
    """The folder, as a start of sharing finds it."""
    folder = Files().folder(ROOT)
    folder.clear_stale()
    return folder


def put(folder, name: str, data: bytes, replace: bool = False) -> int:
    """Stores a file as the service does; returns how much of it was here already."""
    part = folder.part(name, PEER)
    have = min(part.size, len(data)) // PAGE * PAGE
    whole = bytearray(have)
    part.seek(0)
    assert part.readinto(whole) == have
    offset = have if whole == data[:have] else 0
    try:
        part.cut(offset)
        for at in range(offset, len(data), 2000):
            part.write(data[at : at + 2000])
        stored(part, replace)
    finally:
        part.keep()
    return offset


def stored(part, replace: bool) -> None:
    for _ in part.store(replace):
        pass


def read(path: str):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def names(folder, pattern: str = "", after: str = "") -> list:
    return [name for name, _ in folder.listing(pattern, after)]


def refuses(folder, *names) -> None:
    """Asserts that these are no names of files, and of none that may be put there."""
    for name in names:
        for call in (folder.refusal, folder.open):
            try:
                call(name)
                raise AssertionError(name)
            except OSError:
                pass


# Power cuts


class Campaign:
    """A file is stored in place of `before` (b"": of none) among `others`, and power is cut at
    each write."""

    def __init__(self, system, before: bytes, data: bytes, others: int):
        self._system = system
        self._before = before
        self.data = data
        self._others = others
        self._prepared = self._prepare()
        self.cuts = 0

    def run(self) -> int:
        """Returns at how many writes power was cut."""
        for torn in self._system.torn:
            cut = 0
            while self.survives(cut, torn):
                cut += 1
            self.cuts += cut
        return self.cuts

    def survives(self, cut: int, torn: int) -> bool:
        """Returns whether there was such a write."""
        flash = self.prepared()
        flash.cut, flash.torn = cut, torn
        try:
            with Mounted(self._system, flash):
                put(shared(), "name", self.data, True)
            return False
        except (PowerCut, OSError):
            assert flash.dead
        with Mounted(self._system, revived(flash)):
            self.check()
        return True

    def prepared(self) -> Flash:
        return revived(self._prepared)

    def _prepare(self) -> Flash:
        flash = formatted(self._system)
        with Mounted(self._system, flash):
            put(shared(), "beside", b"b" * 700)
            for n in range(self._others):
                open(ROOT + "/.%d" % n, "w").close()
            if self._before:
                put(shared(), "name", self._before)
        return flash

    def check(self) -> None:
        """The start finds the old file or the new one, and can have the new one and remove what
        is left, after which other files take the space."""
        folder = shared()
        found = read(ROOT + "/name")
        assert found in (self._before or None, self.data), len(found or b"")
        if found != self.data:
            put(folder, "name", self.data, True)
        folder.part("name", PEER).remove()
        with open(ROOT + "/filling", "wb") as file:
            file.write(bytearray(max(0, folder.free() - 2 * PAGE)))  # of bytes there is a hash
        assert read(ROOT + "/name") == self.data
        assert read(ROOT + "/beside") == b"b" * 700


def test_a_cut_leaves_the_old_file_or_the_new_one():
    for system in SYSTEMS:
        cuts = 0
        for others in system.others:
            for before in (b"", Random(2)(1500)):
                cuts += Campaign(system, before, Random(3)(5000), others).run()
        assert cuts > 100
        print(system.__name__, cuts, "cuts")


def test_a_cut_in_the_copy_on_fat_is_copied_again():
    """The start after the cut is cut in turn, at each of its writes."""
    campaign = Campaign(Fat, b"before", Random(3)(2500), 0)
    writes = 0
    while campaign.survives(writes, 0):
        writes += 1
    starts = 0
    for cut in range(writes - 9, writes):
        again = 0
        while cut_twice(campaign, cut, again):
            again += 1
        starts += again
    assert starts > 20


def cut_twice(campaign, cut: int, again: int) -> bool:
    """Returns whether the start after the cut had such a write."""
    flash = campaign.prepared()
    flash.cut = cut
    try:
        with Mounted(Fat, flash):
            put(shared(), "name", campaign.data, True)
    except (PowerCut, OSError):
        pass
    flash = revived(flash)
    flash.cut = again
    try:
        with Mounted(Fat, flash):
            shared()
    except (PowerCut, OSError):
        pass
    cut_again = flash.dead
    with Mounted(Fat, revived(flash)):
        campaign.check()
    return cut_again


def test_a_reset_costs_no_more_than_16_kb():
    for system in SYSTEMS:
        flash = formatted(system)
        with Mounted(system, flash):
            part = shared().part("name", PEER)
            for at in range(0, 50000, 1000):
                part.write(bytes(1000))
                with Mounted(system, revived(flash), "/after") as path:
                    stored = os.stat(path + "/" + part_name("name", PEER))[6]
                assert at + 1000 - stored < FLUSHED, (at, stored)
            part.keep()


# Full media


def test_a_full_medium_keeps_what_was_there():
    for system in SYSTEMS:
        flash = formatted(system)
        with Mounted(system, flash):
            folder = shared()
            put(folder, "name", b"before")
            for size in range(40000, 140000, 7777):
                try:
                    put(folder, "name", bytes(size), True)
                    put(folder, "name", b"before", True)
                except OSError as error:
                    assert error.errno == 28, error
                    folder.part("name", PEER).remove()
                assert read(ROOT + "/name") == b"before", size
            assert names(folder) == ["name"]


# What the service asks of it


def test_it_goes_on_where_it_stopped():
    data = Random(9)(3 * PAGE + 77)
    for system in SYSTEMS:
        with Mounted(system, formatted(system)):
            folder = shared()
            for have, offset in ((0, 0), (1, 0), (PAGE, PAGE), (2 * PAGE + 5, 2 * PAGE)):
                part = folder.part("name", PEER)
                part.write(data[:have])
                part.keep()
                part.keep()
                assert put(folder, "name", data) == offset, have
                assert read(ROOT + "/name") == data
                os.remove(ROOT + "/name")


def test_a_file_that_became_shorter_has_no_tail_of_the_longer_one():
    data = Random(9)(2 * PAGE)
    for system in SYSTEMS:
        with Mounted(system, formatted(system)):
            folder = shared()
            for shorter in (PAGE + 9, 5):
                part = folder.part("name", PEER)
                part.write(data)
                part.keep()
                put(folder, "name", data[:shorter], True)
                assert read(ROOT + "/name") == data[:shorter]
                assert os.listdir(ROOT) == ["name"]


def test_an_empty_file_and_one_in_folders():
    with Mounted(Littlefs, formatted(Littlefs)):
        folder = shared()
        put(folder, "none", b"")
        put(folder, "a/b/c", b"deep")
        assert read(ROOT + "/none") == b"" and read(ROOT + "/a/b/c") == b"deep"
        assert list(folder.listing("", "")) == [("a/b/c", 4), ("none", 0)]
        file = folder.open("a/b/c")
        assert (file.size, file.changed()) == (4, False)
        file.close()
        assert folder.used(lambda name: name == "none") == 4


def test_what_may_not_be_put_there():
    with Mounted(Littlefs, formatted(Littlefs)):
        folder = shared()
        put(folder, "file", b"x")
        os.mkdir(ROOT + "/folder")
        assert folder.refusal("file") == FILE_EXISTS
        refuses(folder, "folder", "file/below")
        assert folder.refusal("new") == folder.refusal("x/y") == folder.refusal("folder/y") == 0
        held = folder.part("new", PEER)
        raises(SHARE_BUSY, folder.part, "new", PEER)
        held.keep()  # which removes it, for it is empty
        assert sorted(os.listdir(ROOT)) == ["file", "folder"]
        part = folder.part("new", OTHER)
        put(folder, "new", b"by another, while it came")
        raises(FILE_EXISTS, stored, part, False)
        part.remove()
        assert sorted(os.listdir(ROOT)) == ["file", "folder", "new"]


def test_a_file_is_not_read_while_it_is_copied():
    with Mounted(Fat, formatted(Fat)):
        folder = shared()
        put(folder, "name", b"before")
        part = folder.part("name", PEER)
        part.write(bytes(5000))
        steps = 0
        for _ in part.store(True):
            raises(SHARE_BUSY, folder.open, "name")
            raises(SHARE_BUSY, folder.part, "name", PEER)
            steps += 1
        assert steps == 3
        file = folder.open("name")
        assert file.size == 5000
        file.close()


def test_what_is_read_while_it_is_replaced_has_changed():
    """By the file system alone nobody could tell: size and time of change are the same."""
    for system in SYSTEMS:
        with Mounted(system, formatted(system)):
            folder = shared()
            put(folder, "name", b"before")
            put(folder, "other", b"before")
            files = [folder.open(name) for name in ("name", "other")]
            put(Files().folder(ROOT), "name", b"behind", True)
            assert [file.changed() for file in files] == [True, False]
            for file in files:
                file.close()


def test_another_spelling_is_another_name():
    with Mounted(Fat, formatted(Fat)):
        folder = shared()
        put(folder, "name", b"x")
        os.mkdir(ROOT + "/folder")
        refuses(folder, "NAME", "Folder/a", "FOLDER")


def test_the_node_keeps_what_is_its_own():
    path = ROOT + "/files/key"
    with Mounted(Littlefs, formatted(Littlefs)):
        os.mkdir(ROOT + "/files")
        os.mkdir(ROOT + "/apart")
        with open(path, "w") as file:
            file.write("secret")
        secret_files.noted.append(path)
        try:
            files = Files()
            folder = files.folder(ROOT + "/files")
            raises(BAD_ARGUMENT, folder.check_shared)
            files.folder(ROOT + "/apart").check_shared()
            refuses(folder, "key", "key.new")
            raises(STREAM_REFUSED, files.open, path)
        finally:
            secret_files.noted.remove(path)


def test_names_come_in_order_a_few_at_a_time():
    some = ["a%02d" % n for n in range(40)] + ["a.b", "a/x", "a/y/z", "b"]
    some.sort()
    with Mounted(Littlefs, formatted(Littlefs)):
        folder = shared()
        for name in reversed(some):
            put(folder, name, b"")
        part = folder.part("part", PEER)
        part.write(b"x")
        part.keep()
        assert names(folder) == some
        for after in ("", "a.b", "a/", "a/x", "a/y/z", "a19", "b"):
            assert names(folder, "", after) == [name for name in some if name > after], after
        assert names(folder, "a/**") == ["a/x", "a/y/z"]
        assert names(folder, "a/*") == ["a/x"]
        assert names(folder, "a", "a/x") == ["a/y/z"]
        own = [name for name, _, _ in Files().own(ROOT + "/a/", "")]
        assert own == ["a/x", "a/y/z"]
        assert Files().own(ROOT + "/b", "as") == [("as", ROOT + "/b", 0)]


def test_a_file_that_changes_is_noticed():
    with Mounted(Littlefs, formatted(Littlefs)):
        folder = shared()
        put(folder, "name", b"before")
        file = folder.open("name")
        assert not file.changed()
        with open(ROOT + "/name", "a") as longer:
            longer.write("more")
        assert file.changed()
        file.close()
        os.remove(ROOT + "/name")
        assert file.changed()


def test_old_partial_files_leave():
    with Mounted(Littlefs, formatted(Littlefs)):
        for name in ("new", "old"):
            part = shared().part(name, PEER)
            part.write(b"x")
            part.keep()
        shared_files.os = Aged()
        try:
            shared()
        finally:
            shared_files.os = os
        assert os.listdir(ROOT) == [part_name("new", PEER)]


class Aged:
    """Stands for `os`: what is old has been written eight days ago, the rest six."""

    ilistdir = os.ilistdir

    def stat(self, path):
        found = list(os.stat(path))
        found[8] = int(time.time()) - (8 * 86400 if "old" in path else 6 * 86400)
        return tuple(found)
