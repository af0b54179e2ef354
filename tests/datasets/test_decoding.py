import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from mgd3_kedro.datasets.decoding import decode_image, describe_image
from mgd3_kedro.datasets.resizing import MAX_PIXELS

SIDE = 8
RAMP = np.linspace(0, 255, SIDE * SIDE).astype(np.uint8).reshape(SIDE, SIDE)
COLOURS = np.stack([RAMP, RAMP.T, 255 - RAMP], axis=2)


def encoded(image, form="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def decoded(image, form="PNG", size=SIDE, **options):
    return decode_image(encoded(image, form, **options), "x", size)


def grey(values):
    return np.repeat(np.asarray(values, dtype=np.uint8)[:, :, None], 3, axis=2)


def over_white(colours, alpha):
    weight = alpha[..., None].astype(float) / 255
    return colours * weight + 255 * (1 - weight)


def png_of_declared_size(width, height):
    """Return a small file that says it is large."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("form", ["PNG", "BMP", "PPM", "TIFF"])
def test_an_image_of_the_size_is_untouched_bit_for_bit(form):
    assert np.array_equal(decoded(Image.fromarray(COLOURS), form), COLOURS)


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "JPEG2000"])
def test_lossy_forms_are_read_as_pil_reads_them(form):
    data = encoded(Image.fromarray(COLOURS), form)
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(decode_image(data, "x", SIDE), np.asarray(image.convert("RGB")))


def test_grey_and_one_bit_images_become_rgb():
    assert np.array_equal(decoded(Image.fromarray(RAMP)), grey(RAMP))
    bits = Image.fromarray(RAMP > 100)
    assert bits.mode == "1"
    assert np.array_equal(decoded(bits), grey(255 * (RAMP > 100)))


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_and_not_clipped(form):
    values = np.linspace(0, 65535, SIDE * SIDE).astype(np.uint16).reshape(SIDE, SIDE)
    found = decoded(Image.fromarray(values), form)
    assert np.array_equal(found, grey(np.round(values / 257)))
    assert len(np.unique(found)) == SIDE * SIDE


def test_a_number_format_that_has_no_scale_is_refused():
    for values in (RAMP.astype(np.float32), RAMP.astype(np.int32) * 100000):
        with pytest.raises(ValueError, match=r"^x: expected"):
            describe_image(encoded(Image.fromarray(values), "TIFF"), "x")
    with pytest.raises(ValueError, match="8 or 16 bits, got values from 0 to 25500000"):
        decoded(Image.fromarray(RAMP.astype(np.int32) * 100000), "TIFF")


def test_cmyk_becomes_rgb():
    cmyk = Image.fromarray(COLOURS).convert("CMYK")
    assert np.array_equal(decoded(cmyk, "TIFF"), np.asarray(cmyk.convert("RGB")))
    assert np.abs(decoded(cmyk, "TIFF").astype(int) - COLOURS).max() <= 2


def test_what_is_transparent_is_seen_on_white():
    alpha = RAMP[::-1]
    rgba = Image.fromarray(np.dstack([COLOURS, alpha]))
    assert np.abs(decoded(rgba) - over_white(COLOURS, alpha)).max() <= 1
    la = Image.fromarray(np.dstack([RAMP, alpha]))
    assert la.mode == "LA"
    assert np.abs(decoded(la) - over_white(grey(RAMP), alpha)).max() <= 1


def test_a_palette_gives_its_colours_and_its_transparency():
    palette = Image.new("P", (SIDE, SIDE), 1)
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    palette.putpixel((0, 0), 0)
    palette.putpixel((1, 0), 2)
    found = decoded(palette)
    assert [tuple(found[0, x]) for x in range(3)] == [(255, 0, 0), (0, 0, 255), (0, 255, 0)]
    found = decoded(palette, transparency=2)
    assert [tuple(found[0, x]) for x in range(3)] == [(255, 0, 0), (255, 255, 255), (0, 255, 0)]
    found = decoded(palette, transparency=bytes([255, 0, 127]))
    assert tuple(found[0, 2]) == (255, 255, 255)
    assert np.abs(found[0, 1].astype(int) - (128, 128, 255)).max() <= 1


def test_a_colour_that_stands_for_transparency_is_seen_on_white():
    found = decoded(Image.fromarray(RAMP), transparency=int(RAMP[3, 3]))
    assert tuple(found[3, 3]) == (255, 255, 255)
    assert np.array_equal(found[4], grey(RAMP)[4])


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_an_animation_the_first_frame_is_taken(form):
    frames = [Image.new("RGB", (SIDE, SIDE), colour) for colour in ("red", "blue")]
    options = {"lossless": True} if form == "WEBP" else {}
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:], **options)
    assert np.array_equal(decode_image(data, "x", SIDE), np.asarray(frames[0]))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_taken_with_a_turned_camera_is_upright(orientation):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(COLOURS), "PNG", exif=exif)
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(decode_image(data, "x", SIDE), expected)
    assert np.array_equal(expected, COLOURS) == (orientation == 1)


def test_damaged_notes_about_a_photo_do_not_matter():
    data = encoded(Image.fromarray(COLOURS), "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert np.array_equal(decode_image(data, "x", SIDE), COLOURS)


def test_a_large_image_is_halved_by_means_then_resized_then_cropped():
    # 4 x 4 blocks of one colour: two halvings give each block's colour, exactly.
    blocks = COLOURS.repeat(4, axis=0).repeat(4, axis=1)
    assert np.array_equal(decoded(Image.fromarray(blocks)), COLOURS)
    # What is added at the sides is cut off again.
    wide = np.hstack([np.zeros((32, 20, 3), np.uint8), blocks, np.zeros((32, 20, 3), np.uint8)])
    assert np.array_equal(decoded(Image.fromarray(wide)), COLOURS)
    tall = wide.transpose(1, 0, 2)
    assert np.array_equal(decoded(Image.fromarray(tall)), COLOURS.transpose(1, 0, 2))


def test_a_strip_that_would_fill_the_memory_is_refused():
    strip = encoded(Image.new("L", (200_000, 1)))
    assert describe_image(strip, "x")[:2] == ((200_000, 1), "L")
    with pytest.raises(ValueError, match=r"x: .*200000 x 1 pixels are too elongated"):
        decode_image(strip, "x", 256)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("width", [MAX_PIXELS // 8000 + 1, 60_000])
def test_a_file_that_unpacks_to_gigabytes_is_not_unpacked(width):
    with pytest.raises(ValueError, match=r"^x: expected an image that can be decoded \(.*pixels"):
        decode_image(png_of_declared_size(width, 8000), "x", SIDE)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "x: expected an image, got an empty file"),
        (b"GIF89a", "x: expected an image"),
        (b"hello" * 100, r"x: expected an image \(BMP, GIF, JPEG.*\), got something else"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "x: .*got something else"),
        (encoded(Image.fromarray(COLOURS))[:-60], "x: expected an image that can be decoded"),
        (encoded(Image.fromarray(COLOURS), "JPEG")[:-60], "x: .*[Tt]runcated"),
    ],
)
def test_what_is_no_whole_image_is_named(data, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        decode_image(data, "x", SIDE)
    with pytest.raises(ValueError, match=f"^{message}"):
        describe_image(data, "x")


def test_an_image_is_described_as_it_is_stored():
    assert describe_image(encoded(Image.new("RGBA", (5, 3))), "x")[:2] == ((5, 3), "RGBA")
