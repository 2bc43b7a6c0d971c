"""Draws the demo's product pictures: a gradient, a shape and initials, as PNG."""

import colorsys
import struct
import zlib

SIDE = 320
CELL = 14  # side of one block of a letter
LETTERS = {
    "A": "01110 10001 10001 11111 10001 10001 10001",
    "B": "11110 10001 10001 11110 10001 10001 11110",
    "C": "01111 10000 10000 10000 10000 10000 01111",
    "D": "11110 10001 10001 10001 10001 10001 11110",
    "E": "11111 10000 10000 11110 10000 10000 11111",
    "G": "01111 10000 10000 10011 10001 10001 01111",
    "I": "11111 00100 00100 00100 00100 00100 11111",
    "J": "00111 00010 00010 00010 00010 10010 01100",
    "K": "10001 10010 10100 11000 10100 10010 10001",
    "M": "10001 11011 10101 10101 10001 10001 10001",
    "N": "10001 11001 10101 10101 10011 10001 10001",
    "O": "01110 10001 10001 10001 10001 10001 01110",
    "P": "11110 10001 10001 11110 10000 10000 10000",
    "R": "11110 10001 10001 11110 10100 10010 10001",
    "S": "01111 10000 10000 01110 00001 00001 11110",
    "T": "11111 00100 00100 00100 00100 00100 00100",
    "U": "10001 10001 10001 10001 10001 10001 01110",
    "V": "10001 10001 10001 10001 10001 01010 00100",
    "W": "10001 10001 10001 10101 10101 11011 10001",
    "X": "10001 10001 01010 00100 01010 10001 10001",
    "Y": "10001 10001 01010 00100 00100 00100 00100",
    "1": "00100 01100 00100 00100 00100 00100 01110",
    "5": "11111 10000 11110 00001 00001 10001 01110",
}


def colour(hue, lightness, saturation):
    return bytes(round(255 * part) for part in colorsys.hls_to_rgb(hue % 1, lightness, saturation))


def span(shape, y):
    """Half the width of the shape in row y; 0 outside it."""
    radius, above = SIDE * 0.44, abs(y + 0.5 - SIDE / 2)
    if above >= radius:
        return 0
    if shape == 0:  # disc
        return round((radius**2 - above**2) ** 0.5)
    if shape == 1:  # diamond
        return round(radius - above)
    if shape == 2:  # square
        return round(radius * 0.9) if above < radius * 0.9 else 0
    return round(min(radius, 1.4 * radius - above))  # octagon


def fill(row, start, end, pixel):
    start, end = max(start, 0), min(end, SIDE)
    if end > start:
        row[3 * start : 3 * end] = pixel * (end - start)


def draw_letters(row, y, initials, pixel):
    width = (6 * len(initials) - 1) * CELL
    top, left = (SIDE - 7 * CELL) // 2, (SIDE - width) // 2
    line = (y - top) // CELL
    if not 0 <= line < 7:
        return
    for position, letter in enumerate(initials):
        for column, block in enumerate(LETTERS[letter].split()[line]):
            if block == "1":
                start = left + (6 * position + column) * CELL
                fill(row, start, start + CELL, pixel)


def draw(number, initials):
    """PNG bytes; another number gives another picture."""
    hue = number * 0.381966
    shape_pixel, letter_pixel = colour(hue + 0.5, 0.45, 0.55), colour(hue, 0.97, 0.6)
    rows = []
    for y in range(SIDE):
        row = bytearray(colour(hue, 0.85 - 0.4 * y / SIDE, 0.6) * SIDE)
        half = span(number % 4, y)
        fill(row, SIDE // 2 - half, SIDE // 2 + half, shape_pixel)
        draw_letters(row, y, initials, letter_pixel)
        rows.append(b"\0" + row)
    return encode(b"".join(rows))


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def encode(scanlines):
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(scanlines, 9))
        + chunk(b"IEND", b"")
    )
