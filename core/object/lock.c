/* SPDX-License-Identifier: MIT */
#include "core/object/lock.h"

#include "core/base/check.h"
#include "core/base/futex.h"
#include "core/base/sync.h"
#include "core/object/mutator.h"

/* Critical sections take tens of nanoseconds; sleeping takes tens of microseconds. */
#define SPINS 200

/* The four bytes of the header on which the kernel can sleep: owner, type, bits. */
static _Atomic(uint32_t) *futex_word(struct tn_object *o)
{
    return (_Atomic(uint32_t) *)(void *)((char *)o + offsetof(struct tn_object, owner));
}

_Static_assert(offsetof(struct tn_object, owner) == 4, "the futex word is aligned");
_Static_assert(offsetof(struct tn_object, bits) == 7, "the lock bit is in the futex word");

/* Takes the lock if it is free and leaves `extra` bits set with it. */
static bool try_lock(struct tn_object *o, uint8_t extra)
{
    uint8_t bits = atomic_load_explicit(&o->bits, memory_order_relaxed);

    while ((bits & TN_BIT_LOCKED) == 0) {
        /* Acquire: pairs with the release in tn_object_unlock(). */
        if (atomic_compare_exchange_weak_explicit(&o->bits, &bits,
                                                  (uint8_t)(bits | TN_BIT_LOCKED | extra),
                                                  memory_order_acquire, memory_order_relaxed))
            return true;
    }
    return false;
}

static TN_NOINLINE void lock_slow(struct tn_object *o)
{
    for (unsigned int i = 0; i < SPINS; i++) {
        tn_cpu_relax();
        if (try_lock(o, 0))
            return;
    }
    /* Whoever has slept cannot know whether others still do, and so keeps the
     * waiters' bit set for its own unlocking. */
    while (!try_lock(o, TN_BIT_WAITERS)) {
        uint8_t bits = atomic_fetch_or_explicit(&o->bits, TN_BIT_WAITERS, memory_order_relaxed);
        uint32_t word = atomic_load_explicit(futex_word(o), memory_order_relaxed);

        /* Unlocked just now: the bit is ours to have set, and we try again. If
         * the word changes after this look, the kernel refuses to sleep. */
        if ((bits & TN_BIT_LOCKED) != 0 && (word >> 24 & TN_BIT_LOCKED) != 0 &&
            (word >> 24 & TN_BIT_WAITERS) != 0)
            tn_futex_wait(futex_word(o), word, TN_FUTEX_FOREVER);
    }
}

void tn_object_lock(struct tn_mutator *mu, struct tn_object *o)
{
    tn_rank_push(TN_RANK_OBJECT);
    if (mu->publishes && TN_UNLIKELY(!try_lock(o, 0)))
        lock_slow(o);
}

void tn_object_unlock(struct tn_mutator *mu, struct tn_object *o)
{
    uint8_t bits;

    tn_rank_pop(TN_RANK_OBJECT);
    if (!mu->publishes)
        return;
    bits = atomic_fetch_and_explicit(&o->bits, (uint8_t) ~(TN_BIT_LOCKED | TN_BIT_WAITERS),
                                     memory_order_release);
    TN_ASSERT((bits & TN_BIT_LOCKED) != 0);
    if (TN_UNLIKELY((bits & TN_BIT_WAITERS) != 0))
        tn_futex_wake(futex_word(o), 1);
}
