"""Tell what kind of file some bytes are, by the bytes alone: names lie, and libraries guess too widely."""

from __future__ import annotations

HEAD_BYTES = 1024
"""How much of a file's beginning `sniff` wants to see."""

_READ = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)
_NOT_READ = (
    (b"\xff\x0a", "a JPEG XL picture; this format is not read, save it as JPEG or PNG"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture; this format is not read, save it as JPEG or PNG"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture; this format is not read, save it as JPEG or PNG"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture; this format is not read, save it as JPEG or PNG"),
    (b"8BPS", "a Photoshop document; this format is not read, save it as JPEG or PNG"),
    (b"\0\0\1\0", "an icon file; this format is not read"),
    (b"%!PS", "a PostScript drawing; this format is a program and is not run"),
)
_NO_IMAGE = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})


def sniff(head: bytes) -> str:
    """Name the image format that `head`, a file's first bytes, begins, or give an empty string.

    The names are Pillow's: JPEG, PNG, GIF, WEBP, BMP, TIFF, AVIF, HEIF, PPM.
    """
    for magic, name in _READ:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3] in (b" ", b"\t", b"\r", b"\n"):
        return "PPM"
    if head[4:8] == b"ftyp":
        brands = {head[i : i + 4] for i in range(8, min(len(head), int.from_bytes(head[:4], "big")), 4)}
        if brands & _AVIF_BRANDS:
            return "AVIF"
        if brands & _HEIF_BRANDS:
            return "HEIF"
    return ""


def image_not_read(head: bytes) -> str:
    """Say which kind of image, of those that are not read, `head` begins; empty when it is none."""
    for magic, what in _NOT_READ:
        if head.startswith(magic):
            return what
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"<svg") or (text.startswith((b"<?xml", b"<!doctype svg")) and b"<svg" in text):
        return "an SVG drawing; this format is not read, and what it refers to is never fetched or run"
    return ""


def what_instead(head: bytes) -> str:
    """Say what a file that is no image seems to be, by its first bytes."""
    if not head:
        return "the file is empty"
    for magic, what in _NO_IMAGE:
        if head.startswith(magic):
            return f"{what} under the name of an image"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<html", b"<!doctype html")):
        return "a web page under the name of an image; a download may have failed"
    if head[:64].isascii() and head[:64].decode("ascii").replace("\n", "").replace("\r", "").isprintable():
        return "a text under the name of an image"
    return "not an image in any format that is known here"
