/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* All programs of execaudit, for both engines; user space loads those it attaches. */
#include "success.h"
#include "exit.h"
#include "failure.h"
#include "fork.h"
#include "running.h"

#ifndef EXECAUDIT_BCC
/* The helpers that read kernel memory are open to GPL-compatible programs only. */
char LICENSE[] SEC("license") = "GPL";
#endif
