"""A flipped bit in JSON is seen, wherever it is."""

from __future__ import annotations

import json

import pytest
from flips import with_flipped_bit

from auxtasks.checksums import checksum, json_document, json_line, parsed_document, parsed_line

FIELDS = {"format": 2, "shape": [3, 4], "name": "±"}


def test_every_flipped_bit_is_seen() -> None:
    line, document = json_line(FIELDS), json_document(FIELDS)
    assert parsed_line(line) == parsed_document(document, unchecked=(1,)) == FIELDS
    assert json.loads(document)["name"] == "±"
    for content in (line, document):
        for bit in range(8 * len(content)):
            flipped = with_flipped_bit(content, bit)
            if content is line:
                assert parsed_line(flipped) is None
            else:
                with pytest.raises(
                    ValueError, match=r"checksum|JSON|decode|delimiter|Expecting|Invalid|value|no names"
                ):
                    parsed_document(flipped, unchecked=(1,))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"format": 2}', "does not have the checksum it was written with"),
        (b"[" * 100_000, "nested too deep"),
        (b"[1]", "holds no names"),
        (b'{"format": NaN}', "NaN is not a number"),
        (b'{"format": ', "Expecting value"),
        (b"\xff\xfe\x00", "decode"),
    ],
)
def test_what_is_no_such_document(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parsed_document(content, unchecked=(1,))


def test_formats_from_before_have_no_checksum() -> None:
    assert parsed_document(b'{"format": 1}', unchecked=(1,)) == {"format": 1}


def test_checksums_are_those_of_zip_files() -> None:
    assert checksum(b"123456789") == checksum(memoryview(b"123456789")) == "cbf43926"
