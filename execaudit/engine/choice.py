# SPDX-License-Identifier: Apache-2.0
"""Opening a capture: which engine loads the programs, which programs, and how large the maps are.

Owns these choices. The engines load; nothing is attached here, except on trial.
"""

from collections.abc import Callable
from pathlib import Path

from execaudit.engine.access import check_access
from execaudit.errors import InvalidArgument, NotImplementedByKernel
from execaudit.kernel import capture, heap, hooks
from execaudit.kernel.btf import KERNEL_BTF
from execaudit.kernel.capture import Capture, Settings
from execaudit.kernel.file_systems import find_file_systems
from execaudit.kernel.hooks import AttachPoint, FailureHook
from execaudit.wire import record

ENGINES = ("auto", "libbpf", "bcc")
_OF_NO_CALL = (record.HOOKS.index("exec"), record.HOOKS.index("exit"))

Load = Callable[[dict[str, AttachPoint], dict[str, int]], tuple[dict[str, int], dict[str, int]]]


def choose_engine(wanted: str) -> tuple[str, str]:
    """Return the engine that `wanted` names, "auto" included, and why. Raises InvalidArgument."""
    if wanted not in ENGINES:
        raise InvalidArgument(f"Unknown engine '{wanted}': expected one of {', '.join(ENGINES)}")
    if wanted != "auto":
        return wanted, "as asked for"
    if Path(KERNEL_BTF).exists():
        return "libbpf", "the kernel has BTF"
    return "bcc", "the kernel has no BTF"


def open_capture(wanted: str, settings: Settings) -> Capture:
    """Load the programs with the engine `wanted` (of ENGINES), without attaching them.

    Raises NoPermission, NotImplementedByKernel or NotConfigured.
    """
    name, reason = choose_engine(wanted)
    check_access()
    trials: list[int] = []
    try:
        failure_hook, failure_hook_error = _choose_failure_hook(settings, trials)
        points = {**hooks.before_programs(trials), **hooks.FORK, **hooks.SUCCESS}
        if settings.exits:
            points |= hooks.EXIT
        if failure_hook:
            points |= failure_hook.programs
        programs, maps = import_load(name)(points, _map_sizes(settings, points))
    except BaseException:
        capture.close_all(trials)  # a daemon tries again and again
        raise
    find_file_systems()  # reads type information once: before what that took is freed
    heap.trim()  # type information and the object are freed: 1 MiB of it amid what is not
    return Capture(
        name, reason, settings, points, failure_hook, programs, maps, trials, failure_hook_error
    )


def import_load(engine: str) -> Load:
    """Import an engine, and no other; return its function that loads programs."""
    if engine == "libbpf":
        from execaudit.engine.libbpf_engine import load  # noqa: PLC0415
    else:
        from execaudit.engine.bcc_engine import load  # noqa: PLC0415
    return load


def _map_sizes(settings: Settings, points: dict[str, AttachPoint]) -> dict[str, int]:
    """Return the entries of the maps whose size depends on the settings."""
    # One scratch buffer of 32 KiB per CPU for each hook that builds records.
    has_failures = any(capture.hook_of(name) not in (None, *_OF_NO_CALL) for name in points)
    return {
        "events": settings.ring_bytes,
        "scratch": len(record.HOOKS) if has_failures else 1,
        "rules": 2 * settings.rules,  # two generations while they are being exchanged
        "rule_hits": 2 * settings.rules,
    }


def _choose_failure_hook(settings: Settings, trials: list[int]) -> tuple[FailureHook | None, str]:
    """Return the hook and "", or None and why there is none ("" where none is wanted)."""
    if not settings.failures:
        return None, ""
    try:
        return hooks.choose_failure_hook(settings.failures, trials), ""
    except NotImplementedByKernel as error:
        if settings.needs_failures:
            raise
        return None, str(error)
