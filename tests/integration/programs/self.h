/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel says about the calling process, printed as one JSON line: the truth that a record
 * is held against. Strings are base64, for they may hold any byte; reading them is the test's work.
 *
 * /proc is reached through descriptor PROC_FD where that is open, so that this works in a chroot
 * and in any mount or pid namespace; the line goes to OUTPUT_FD where that is open.
 */
#ifndef SELF_H
#define SELF_H

#define PROC_FD	  100
#define OUTPUT_FD 101

/* `failed` is the errno of the exec that should have replaced this program, or 0. */
void self_print(int argc, int failed);

#endif
