"""What is packed in bytes and in cache files: gzip as clients get it, zstd as the cache file has it."""
import ctypes
import os
import pathlib
import shutil
import sqlite3
import tempfile
import zlib

LARGEST = 64 << 20  # of what one piece unpacks to
LARGEST_COPY = 64 << 20  # a cache file beyond this is read where it is, without its log
ROWS_AT_EITHER_END = 1000  # of each table
GZIP = b"\x1f\x8b\x08"
ZSTD = b"\x28\xb5\x2f\xfd"
SQLITE = b"SQLite format 3\0"

libzstd = ctypes.CDLL("libzstd.so.1")  # the daemon needs it, too
libzstd.ZSTD_decompress.restype = ctypes.c_size_t
libzstd.ZSTD_decompress.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t)
libzstd.ZSTD_findFrameCompressedSize.restype = ctypes.c_size_t
libzstd.ZSTD_findFrameCompressedSize.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
libzstd.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
libzstd.ZSTD_getFrameContentSize.argtypes = (ctypes.c_void_p, ctypes.c_size_t)


def gunzip(data, at):
    """What the gzip member at `at` unpacks to, as far as it goes; empty where it is none."""
    unpacked, packed = b"", zlib.decompressobj(wbits=31)
    try:
        for begin in range(at, len(data), 4096):  # in pieces: what is before a fault counts
            unpacked += packed.decompress(data[begin:begin + 4096], LARGEST - len(unpacked))
            if packed.eof or len(unpacked) >= LARGEST:
                break
    except zlib.error:
        pass
    return unpacked


def unzstd(data, at):
    """What the zstd frame at `at` unpacks to; empty where it is none, or not whole."""
    frame, left = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value + at, len(data) - at
    size = libzstd.ZSTD_getFrameContentSize(frame, left)
    packed = libzstd.ZSTD_findFrameCompressedSize(frame, left)
    if size > LARGEST or packed > left:  # what they say of errors is larger
        return b""
    unpacked = ctypes.create_string_buffer(max(size, 1))
    return unpacked.raw[:size] if libzstd.ZSTD_decompress(unpacked, size, frame, packed) == size else b""


def all_within(data):
    """`data`, and whatever is packed in it."""
    yield data
    for magic, unpack in ((GZIP, gunzip), (ZSTD, unzstd)):
        at = data.find(magic)
        while at >= 0:
            if unpacked := unpack(data, at):
                yield unpacked
            at = data.find(magic, at + 1)


def values_of(path):
    """The values in the rows of an SQLite file, as bytes, but for the middle of long tables. The file stays as it is."""
    with tempfile.TemporaryDirectory(prefix="roktcached-test-") as folder:
        large = os.path.getsize(path) > LARGEST_COPY
        if not large:  # with its log, which may have what the file has not yet
            for suffix in ("", "-wal"):
                if os.path.exists(path + suffix):
                    shutil.copyfile(path + suffix, os.path.join(folder, "copy.db" + suffix))
        database = sqlite3.connect(f"{pathlib.Path(path).absolute().as_uri()}?immutable=1" if large else os.path.join(folder, "copy.db"), uri=large)
        database.text_factory = bytes
        try:
            for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
                for order in ("ASC", "DESC"):
                    table = f'SELECT * FROM "{name.decode()}" ORDER BY rowid {order} LIMIT {ROWS_AT_EITHER_END}'
                    yield from (as_bytes(value) for row in database.execute(table) for value in row)
        except sqlite3.DatabaseError:
            pass  # tests spoil some; their bytes are searched all the same
        finally:
            database.close()


def as_bytes(value):
    return value if isinstance(value, bytes) else str(value).encode()
