/* SPDX-License-Identifier: MIT */
/*
 * Read sections and grace periods: what stands between death and the reuse of memory. Part of
 * refcount.pml. A thread is in a read section from online to offline, and borrows in it what it
 * finds in the slot; a quiescent state ends one section and begins the next.
 */

inline free_object()
{
    assert(!freed);
    assert(EXIST == 0);
    freed = 1
}

/*
 * tn_mutator_bury() of an object that was seen: the link overwrites shared with a negative count
 * that is merged, and the block waits for everyone who reads at this moment. (In the C code it
 * waits longer: it is emptied first, and its batch is closed later.)
 */
inline retire()
{
    d_step {
        TOUCH();
        assert(!retired);
        assert(EXIST == 0);
        shared_count = -1;
        shared_state = MERGED;
        retired = 1;
        waited_for = readers;
#ifdef BUG_NO_GRACE_PERIOD
        waited_for = 0;
#endif
        if
        :: waited_for == 0 -> free_object()
        :: else
        fi
    }
}

/* Ends a grace period as early as it can end, which is the worst case for the readers. */
inline has_left(me)
{
    borrowed = 0;
    waited_for = waited_for & ~BIT(me);
    if
    :: retired && !freed && waited_for == 0 -> free_object()
    :: else
    fi
}

/* tn_rcu_quiescent(), where it makes a difference: what was borrowed is forgotten. */
inline quiescent(me)
{
    d_step {
        borrowed || waited_for & BIT(me) -> has_left(me)
    }
}

inline rcu_online(me)
{
    readers = readers | BIT(me)
}

inline rcu_offline(me)
{
    d_step {
        readers = readers & ~BIT(me);
        has_left(me)
    }
}
