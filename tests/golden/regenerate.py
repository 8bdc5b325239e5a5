# SPDX-License-Identifier: Apache-2.0
"""Make the golden lines again from the recordings: `./dev golden`, then read the difference."""

from tests.golden.files import FORMS, make_lines, recordings


def main() -> None:
    for recording in recordings():
        for form in FORMS:
            recording.with_suffix(f".{form}").write_bytes(make_lines(recording, form))


if __name__ == "__main__":
    main()
