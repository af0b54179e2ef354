import io

import pytest
from PIL import Image

from mgd3_kedro.figures import draw_loss_curve, encode_figure
from mgd3_kedro.figures.saving import METADATA

ROWS = [{"step": step, "loss": 2.0 / (step + 1)} for step in range(50)]


@pytest.mark.parametrize("file_format", METADATA)
def test_a_figure_that_is_drawn_again_has_the_same_bytes(file_format, monkeypatch):
    # SVG and PDF take their dates from here, so that a second is not waited for.
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    first = encode_figure(draw_loss_curve(ROWS), file_format)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    assert encode_figure(draw_loss_curve(ROWS), file_format) == first


def test_a_picture_has_the_size_of_the_figure_and_no_mark_of_the_library():
    content = encode_figure(draw_loss_curve(ROWS))
    picture = Image.open(io.BytesIO(content))
    assert content != encode_figure(draw_loss_curve(ROWS[:-1]))
    assert picture.format == "PNG"
    assert picture.size == (960, 510)
    assert b"atplotlib" not in content


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="expected one of png, svg, pdf, got 'bmp'"):
        encode_figure(draw_loss_curve(ROWS), "bmp")
