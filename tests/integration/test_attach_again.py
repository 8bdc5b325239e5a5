# SPDX-License-Identifier: Apache-2.0
"""A program whose attachment is gone: noticed, attached again, and events flow."""

import os
from pathlib import Path

from execaudit.engine.choice import open_capture
from execaudit.kernel.capture import Settings
from execaudit.kernel.ring import Ring
from tests.integration.launching import launch


def test_detached_program_is_noticed_and_sees_execs_again(engine: str, programs: Path) -> None:
    with open_capture(engine, Settings()) as capture:
        capture.attach()
        index = list(capture.points).index("on_exec")
        assert capture.detached() == []
        # What a link's descriptor becomes when it is closed behind our back and used anew.
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, capture.links[index])
        os.close(null)
        assert capture.detached() == ["on_exec"]
        os.close(capture.links[index])
        capture.attach_again("on_exec")
        assert capture.detached() == []
        ring = Ring(capture.maps["events"], capture.settings.ring_bytes)
        seen = ring.pending()
        launch([str(programs / "tiny")]).wait()
        assert ring.pending() > seen
        ring.close()
