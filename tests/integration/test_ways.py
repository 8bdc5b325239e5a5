# SPDX-License-Identifier: Apache-2.0
"""Every way to call exec that succeeds gives one record, equal to what the program says it is."""

import shutil
from pathlib import Path

import pytest

from tests.integration.comparing import assert_same
from tests.integration.launching import Child, own_comm
from tests.integration.tracing import Record, Tracer, execs_of

NEST = 6


def run_by(
    tracer: Tracer, programs: Path, way: str, file: Path | str, *argv: str
) -> tuple[Child, list[Record]]:
    arguments = [str(programs / "execute"), way, str(file), *argv]
    return tracer.during(lambda: tracer.run(arguments))


@pytest.mark.parametrize(
    "way",
    [
        "execve",
        "execveat-cwd",
        "execveat-directory",
        "execveat-empty",
        "fexecve",
        "proc-descriptor",
        "null-arguments",
    ],
)
def test_exec_in_place_gives_the_record_of_the_program(
    tracer: Tracer, programs: Path, way: str
) -> None:
    child, records = run_by(tracer, programs, way, programs / "selfdump", "selfdump", "a b", "")
    execs = execs_of(records, child.pid)
    assert [r["exe"] for r in execs] == [str(programs / "execute"), str(programs / "selfdump")]
    assert_same(execs[1], child.truth, old_comm="execute")
    assert execs[0]["id"] != execs[1]["id"]


@pytest.mark.parametrize("way", ["thread", "thread-without-leader"])
def test_exec_from_another_thread_names_the_thread(
    tracer: Tracer, programs: Path, way: str
) -> None:
    child, records = run_by(tracer, programs, way, programs / "selfdump", "selfdump")
    _, record = execs_of(records, child.pid)
    thread = record["tid"]
    assert thread not in (child.pid, 0)
    assert_same(record, child.truth, old_comm="execute", tid=thread)


@pytest.mark.parametrize("way", ["fork", "vfork", "spawn"])
def test_exec_of_a_child_names_the_image_of_its_parent(
    tracer: Tracer, programs: Path, way: str
) -> None:
    child, records = run_by(tracer, programs, way, programs / "selfdump", "selfdump")
    truth = child.truth
    (parent,) = execs_of(records, child.pid)
    (record,) = execs_of(records, truth.pid)
    assert truth.pid != child.pid
    assert_same(record, truth, old_comm="execute", pcomm="execute")
    assert record["parent_id"] == parent["id"]
    assert record["ancestors"][1]["id"] == parent["parent_id"]


def test_exec_of_memfd_is_marked(tracer: Tracer, programs: Path) -> None:
    child, records = run_by(tracer, programs, "memfd", programs / "selfdump", "innocent")
    _, record = execs_of(records, child.pid)
    assert record["memfd"] is True
    # Whether such a file counts as deleted is the kernel's business: it never had a name.
    assert_same(record, child.truth, old_comm="execute", exe="/memfd:payload")


def test_exec_of_deleted_file_is_marked(tracer: Tracer, programs: Path, place: Path) -> None:
    copy = shutil.copy(programs / "selfdump", place / "gone")
    child, records = run_by(tracer, programs, "deleted", copy, "gone")
    _, record = execs_of(records, child.pid)
    assert_same(record, child.truth, old_comm="execute", deleted=True, exe=str(copy))


def test_file_named_deleted_is_not_marked(tracer: Tracer, programs: Path, place: Path) -> None:
    copy = shutil.copy(programs / "selfdump", place / "file (deleted)")
    child, records = tracer.during(lambda: tracer.run([str(copy)]))
    (record,) = execs_of(records, child.pid)
    assert_same(record, child.truth, old_comm=own_comm(), deleted=None, exe=str(copy))


def test_script_is_told_from_its_interpreter(tracer: Tracer, programs: Path, place: Path) -> None:
    script = write_script(place / "script", f"{programs}/selfdump -x")
    child, records = tracer.during(lambda: tracer.run([str(script), "one", ""]))
    (record,) = execs_of(records, child.pid)
    interpreter = str(programs / "selfdump")
    assert_same(record, child.truth, old_comm=own_comm(), script=str(script), interp=interpreter)
    assert record["argv"] == [interpreter, "-x", str(script), "one", ""]
    assert record["exe"] == interpreter


def test_script_whose_interpreter_is_a_script_names_the_last(
    tracer: Tracer, programs: Path, place: Path
) -> None:
    inner = write_script(place / "inner", f"{programs}/selfdump -in")
    outer = write_script(place / "outer", f"{inner} -out")
    child, records = tracer.during(lambda: tracer.run([str(outer), "x"]))
    (record,) = execs_of(records, child.pid)
    interpreter = str(programs / "selfdump")
    assert_same(record, child.truth, old_comm=own_comm(), script=str(outer), interp=interpreter)
    assert record["argv"] == [interpreter, "-in", str(inner), "-out", str(outer), "x"]


def test_script_by_descriptor_is_named_by_its_path(
    tracer: Tracer, programs: Path, place: Path
) -> None:
    script = write_script(place / "script", f"{programs}/selfdump")
    child, records = run_by(tracer, programs, "execveat-empty", script, "x")
    _, record = execs_of(records, child.pid)
    name = child.truth.execfn.decode()
    assert name.startswith("/dev/fd/")
    assert_same(
        record,
        child.truth,
        old_comm="execute",
        script=str(script),
        script_ino=str(Path(script).stat().st_ino),
        script_dev=record["exe_dev"],
        interp=str(programs / "selfdump"),
    )


def test_arguments_on_untouched_pages_are_complete(tracer: Tracer, programs: Path) -> None:
    selfdump = programs / "selfdump"
    child, records = run_by(tracer, programs, "untouched-pages", selfdump, "x", "y")
    _, record = execs_of(records, child.pid)
    assert record["argv"][0].startswith("ELF")
    assert_same(record, child.truth, old_comm="execute")


def test_ancestors_are_all_told_and_cut_at_eight(tracer: Tracer, programs: Path) -> None:
    execute, selfdump = str(programs / "execute"), str(programs / "selfdump")
    argv = [execute, "fork", *[execute, execute, "fork"] * (NEST - 1)]
    child, records = tracer.during(lambda: tracer.run([*argv, selfdump, "selfdump"]))
    truth = child.truth
    (record,) = execs_of(records, truth.pid)
    assert_same(record, truth, old_comm="execute")
    ids = {r["pid"]: r["id"] for r in records if r["type"] == "exec" and r.get("comm") == "execute"}
    nested = record["ancestors"][:NEST]
    assert {a["comm"] for a in nested} == {"execute"}
    assert [a["id"] for a in nested] == [ids[a["pid"]] for a in nested]


def test_names_of_the_task_before_and_after(tracer: Tracer, programs: Path, place: Path) -> None:
    link = place / "a-name-of-more-than-fifteen-bytes"
    link.symlink_to(programs / "selfdump")

    def take_name() -> None:
        Path("/proc/self/comm").write_text('od\t"d\\')

    child, records = tracer.during(lambda: tracer.run([str(link)], setup=take_name))
    (record,) = execs_of(records, child.pid)
    assert record["comm"] == "a-name-of-more-"
    assert_same(record, child.truth, old_comm='od\t"d\\')


def test_second_process_of_a_pid_has_another_id(tracer: Tracer, programs: Path) -> None:
    first, records = tracer.during(lambda: tracer.run([str(programs / "tiny")]))
    (record,) = execs_of(records, first.pid)

    def run_with_same_pid() -> Child:
        # Others may fork in between: try again.
        for _ in range(1000):
            Path("/proc/sys/kernel/ns_last_pid").write_text(str(first.pid - 1))
            child = tracer.run([str(programs / "tiny")])
            if child.pid == first.pid:
                return child
        raise AssertionError("the pid did not come again")

    _, later = tracer.during(run_with_same_pid)
    again = execs_of(later, first.pid)[-1]
    assert again["id"] != record["id"]


def test_sequence_of_each_processor_has_no_gap(tracer: Tracer, programs: Path) -> None:
    argv = [str(programs / "storm"), "400", "vfork", str(programs / "tiny")]
    _, records = tracer.during(lambda: tracer.run(argv))
    assert not [r for r in records if r["type"] == "lost"]
    streams: dict[tuple[int, str, str], list[int]] = {}
    for r in records:
        streams.setdefault((r["cpu"], r["type"], r.get("hook", "exec")), []).append(r["seq"])
    for seqs in streams.values():
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


def write_script(path: Path, interpreter: str) -> Path:
    path.write_text(f"#!{interpreter}\n")
    path.chmod(0o755)
    return path
