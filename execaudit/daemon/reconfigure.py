# SPDX-License-Identifier: Apache-2.0
"""Another configuration between two batches: no event is lost, doubled, or judged by half of it.

Owns the order of the steps, and what goes on from the old setup into the new one.
"""

import time

from execaudit.daemon.flow import Flow
from execaudit.daemon.path_search import PathSearch
from execaudit.daemon.reporter import log_notices
from execaudit.daemon.running import remember_running
from execaudit.daemon.setup import Setup, env_names, kernel_keys


def reconfigure(flow: Flow, setup: Setup) -> None:
    """Put another setup in force."""
    flow.drain()  # what was captured under the old rules is judged by them
    old = flow.setup
    if flow.path_search is not None and not setup.collapses:
        flow.release_failures(time.clock_gettime_ns(time.CLOCK_BOOTTIME), are_all=True)
        flow.path_search = None
    elif flow.path_search is None and setup.collapses:
        flow.path_search = PathSearch()
    flow.flush()
    flow.set_rules(kernel_keys(setup), old)
    if setup.rules is not None and old.rules is not None:
        setup.rules.adopt(old.rules)  # with the hits that the kernel had counted until now
    if old.rules is None or not old.rules.wants_programs:
        remember_running(setup.rules, flow.capture.engine)
    flow.setup = setup
    old.programs.close()
    for change in setup.changes:
        change()
    flow.decoder.select_env(env_names(setup.config))
    flow.decoder.forget_places()  # their fields hold, what rules and encoders kept does not
    flow.report.suppressed(old.limits)
    _close_sinks(flow, old)
    flow.report.config(old.loaded.config_hash, setup.loaded.config_hash)


def _close_sinks(flow: Flow, old: Setup) -> None:
    """Close the sinks that are no more; their counts and what they hold go on in the new ones."""
    successors = {sink.name: sink for sink in flow.setup.sinks}
    closed = [sink for sink in old.sinks if successors.get(sink.name) is not sink]
    for sink in closed:
        sink.close(successors.get(sink.name))
    flow.report.incidents(closed)
    log_notices(closed)
