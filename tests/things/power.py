"""A disk that loses power: an SQLite VFS in memory that knows what was synced and what was not.

At a power cut, each write that was not synced is kept, dropped or torn (some of its 512-byte sectors reach
the disk), each on its own; so is each creation and removal of a file whose folder was not synced. As on
Linux, SQLite syncs the folder when it first syncs a new journal or WAL, and when it removes a file with `syncdir`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

import apsw

SECTOR = 512


@dataclass
class Content:
    """A file: the bytes that a power cut leaves for sure, those that are seen, and the changes between."""

    durable: bytearray = field(default_factory=bytearray)
    seen: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)  # (offset, data) or (size, None)

    def change(self, offset: int, data: bytes | None) -> None:
        apply(self.seen, offset, data)
        self.pending.append((offset, data))

    def sync(self) -> None:
        self.durable = bytearray(self.seen)
        self.pending.clear()

    def after_cut(self, chance: Random) -> Content:
        """What may be left."""
        left = bytearray(self.durable)
        for offset, data in self.pending:
            match chance.randrange(3):
                case 0:
                    apply(left, offset, data)
                case 1 if data is not None:
                    for start in range(0, len(data), SECTOR):
                        if chance.random() < 0.5:
                            apply(left, offset + start, data[start : start + SECTOR])
                case _:
                    pass
        return Content(durable=left, seen=bytearray(left))


def apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


class Disk:
    """Files by name; `cut_at` takes the image that a power cut after that many operations leaves."""

    def __init__(self, files: dict[str, Content] | None = None) -> None:
        self.files = dict(files or {})
        self.durable_names = dict(self.files)
        self.operations = 0
        self.cut_at: int | None = None
        self.chance = Random(0)
        self.image: Disk | None = None
        self.full = self.read_only = False

    def tick(self) -> None:
        self.operations += 1
        if self.operations == self.cut_at:
            self.cut()

    def cut(self) -> None:
        if self.image is not None:
            return
        names: dict[str, Content] = {}
        for name in self.files.keys() | self.durable_names.keys():
            now, before = self.files.get(name), self.durable_names.get(name)
            kept = now if now is before or self.chance.random() < 0.5 else before
            if kept is not None:
                names[name] = kept.after_cut(self.chance)
        self.image = Disk(names)

    def sync_folder(self) -> None:
        self.durable_names = dict(self.files)


class PowerVfs(apsw.VFS):
    """Serves `disk`, whichever it is now."""

    def __init__(self, name: str) -> None:
        self.disk = Disk()
        super().__init__(name, base="")

    def xFullPathname(self, name: str) -> str:
        return name

    def xAccess(self, name: str, flags: int) -> bool:
        return name in self.disk.files

    def xDelete(self, name: str, syncdir: bool) -> None:
        disk = self.disk
        disk.tick()
        if name not in disk.files:
            raise apsw.IOError("no such file")
        del disk.files[name]
        if syncdir:
            disk.sync_folder()
            disk.tick()

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        journal = bool(flags[0] & (apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL))
        created = path not in self.disk.files
        if created:
            self.disk.tick()
            self.disk.files[path] = Content()
        flags[1] = flags[0]
        return File(self.disk, self.disk.files[path], sync_folder=created and journal)


class File:
    """An open file of the simulated disk."""

    def __init__(self, disk: Disk, content: Content, *, sync_folder: bool) -> None:
        self.disk, self.content, self.sync_folder = disk, content, sync_folder

    def xRead(self, amount: int, offset: int) -> bytes:
        return bytes(self.content.seen[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        if self.disk.full:
            raise apsw.FullError("no space")
        if self.disk.read_only:
            raise apsw.ReadOnlyError("read-only")
        self.disk.tick()
        self.content.change(offset, bytes(data))

    def xTruncate(self, size: int) -> None:
        self.disk.tick()
        self.content.change(size, None)

    def xSync(self, flags: int) -> None:
        self.disk.tick()
        self.content.sync()
        self.disk.tick()
        if self.sync_folder:
            self.disk.sync_folder()
            self.sync_folder = False
            self.disk.tick()

    def xFileSize(self) -> int:
        return len(self.content.seen)

    def xLock(self, level: int) -> None: ...

    def xUnlock(self, level: int) -> None: ...

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, op: int, pointer: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return SECTOR

    def xDeviceCharacteristics(self) -> int:
        return 0

    def xClose(self) -> None: ...
