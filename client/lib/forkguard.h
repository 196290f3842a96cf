/* SPDX-License-Identifier: MIT */
/*
 * Whether we are still in the process in which something was made.
 *
 * A page of memory that the kernel replaces by zeros in a child (MADV_WIPEONFORK)
 * answers with one load. Where there is no such page, getpid() answers, which is
 * a system call. Threads: any, after tn_fork_guard_init().
 */
#ifndef TN_CLIENT_LIB_FORKGUARD_H
#define TN_CLIENT_LIB_FORKGUARD_H

#include <stdbool.h>
#include <sys/types.h>

struct tn_fork_guard {
    unsigned char *page; /* NULL: compare pids */
    pid_t pid;
};

void tn_fork_guard_init(struct tn_fork_guard *guard);

/* Works in the child, too. */
void tn_fork_guard_fini(struct tn_fork_guard *guard);

/* The out-of-line half of tn_fork_guard_is_child(). */
bool tn_fork_guard_is_child_slow(const struct tn_fork_guard *guard);

static inline bool tn_fork_guard_is_child(const struct tn_fork_guard *guard)
{
    if (guard->page)
        return *guard->page == 0;
    return tn_fork_guard_is_child_slow(guard);
}

#endif
