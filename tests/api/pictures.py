"""The smallest sound pictures, made by hand."""

import struct
import zlib


def png(width=2, height=2, colour=b"\xff\x00\x00"):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = (b"\0" + colour * width) * height
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def png_of(size):
    """A sound PNG of exactly this many bytes: an ancillary chunk fills it."""
    whole = png()
    filling = size - len(whole) - 12
    body = b"k\0" + b"x" * (filling - 2)
    chunk = struct.pack(">I", filling) + b"tEXt" + body + struct.pack(">I", zlib.crc32(b"tEXt" + body))
    return whole[:-12] + chunk + whole[-12:]


# 1 x 1 pixel, grey, baseline
JPEG = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb004300080606070605080707070909080a0c140d0c0b0b0c19"
    "12130f141d1a1f1e1d1a1c1c20242e2720222c231c1c2837292c30313434341f27393d38323c2e333432ffc0000b08"
    "000100010101110 0ffc4001f0000010501010101010100000000000000000102030405060708090a0bffc400b51000"
    "02010303020403050504040000017d01020300041105122131410613516107227114328191a1082342b1c11552d1f0"
    "24336272820 90a161718191a25262728292a3435363738393a434445464748494a535455565758595a636465666768"
    "696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3"
    "c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9faffda0008010100003f00fb"
    "d2ffd9".replace(" ", "")
)

# 1 x 1 pixel, lossless
WEBP = bytes.fromhex("524946461a000000574542505650384c0d0000002f00000010071011118888fe0700")

SOUND = {"image/png": png(), "image/jpeg": JPEG, "image/webp": WEBP}
