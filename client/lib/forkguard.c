/* SPDX-License-Identifier: MIT */
#include "client/lib/forkguard.h"

#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

/* The kernel rounds up to its page size. */
#define PAGE_BYTES ((size_t)1)

void tn_fork_guard_init(struct tn_fork_guard *guard)
{
    void *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    *guard = (struct tn_fork_guard){ .pid = getpid() };
    if (page == MAP_FAILED)
        return;
    if (madvise(page, PAGE_BYTES, MADV_WIPEONFORK) < 0) {
        (void)munmap(page, PAGE_BYTES); /* cannot fail for what was just mapped */
        return;
    }
    guard->page = page;
    *guard->page = 1;
}

void tn_fork_guard_fini(struct tn_fork_guard *guard)
{
    if (guard->page)
        (void)munmap(guard->page, PAGE_BYTES); /* cannot fail for what was mapped */
    *guard = (struct tn_fork_guard){ .page = NULL };
}

bool tn_fork_guard_is_child_slow(const struct tn_fork_guard *guard)
{
    return getpid() != guard->pid;
}
