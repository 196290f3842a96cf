/* SPDX-License-Identifier: MIT */
/*
 * Weakrefs: dereferencing against the death of the object, of the weakref, and the reuse of their
 * memory. One object, two weakrefs (one at a time is the object's), the table's entry, two threads
 * that do everything in any order.
 *
 * The C code is core/object/weakref.c and tn_mutator_bury() in death.c. A step is one access to
 * memory that another thread may touch without the lock; what is done under the shard's lock and
 * seen by no one else is one with the step beside it. Counting itself is refcount.pml's: here a
 * count is one number that changes in one step.
 *
 * Invariants
 * - nobody touches the object, or a weakref, after its memory was given back;
 * - a reference to the object is taken only while there is one;
 * - an entry in the table is a weakref in memory that refers to the object, which has the weak bit,
 *   and is taken out by the object or by that weakref;
 * - when memory is given back no entry is left that leads to it;
 * and when all threads are done, everything that nothing refers to is given back, and a weakref to
 * a dead object is cleared.
 */

#define THREADS 2
#define WEAKREFS 2
#define BIT(t) (1 << (t))

/* The object, with one reference of thread 0's. */
byte count = 1;
bit weak_bit = 0;
byte waited_for = 0; /* by the grace period before its memory is given back */
bit retired = 0;
bit freed = 0;

/* The weakrefs. Born with a reference of who makes them. */
bit w_born[WEAKREFS];
byte w_count[WEAKREFS];
bit w_target[WEAKREFS];
byte w_waited_for[WEAKREFS];
bit w_retired[WEAKREFS];
bit w_freed[WEAKREFS];

/* The table: 1 + the weakref, or 0. */
byte entry = 0;
bit locked = 0;

/* What each thread holds, and how many are at work. */
byte held[THREADS];
byte w_held[THREADS]; /* 1 + the weakref, or 0 */
byte n_done = 0;

#define TOUCH() assert(!freed)
#define W_TOUCH(w) assert(!w_freed[w])
#define READERS (BIT(0) | BIT(1))

inline lock()
{
    atomic {
        !locked;
        locked = 1
    }
}

inline unlock()
{
    locked = 0
}

/* ---- Memory: given back when all who read at the time of retiring have been quiescent ------- */

inline free_object()
{
    assert(entry == 0 && !weak_bit);
    freed = 1
}

inline free_weakref(w)
{
    assert(entry != w + 1);
    w_freed[w] = 1
}

inline retire()
{
    d_step {
        assert(!retired && count == 0);
        retired = 1;
        waited_for = READERS
    }
}

inline quiescent(me)
{
    d_step {
        borrowed = 0;
        waited_for = waited_for & ~BIT(me);
        if
        :: retired && !freed && waited_for == 0 -> free_object()
        :: else
        fi;
        w = 0;
        do
        :: w < WEAKREFS ->
            w_waited_for[w] = w_waited_for[w] & ~BIT(me);
            if
            :: w_retired[w] && !w_freed[w] && w_waited_for[w] == 0 -> free_weakref(w)
            :: else
            fi;
            w++
        :: else -> break
        od;
        w = 0
    }
}

/* ---- Death ------------------------------------------------------------------------------- */

/* remove_locked(), of the entry that is there. */
inline remove_entry()
{
    d_step {
        w = entry - 1;
        W_TOUCH(w);
        entry = 0;
        w_target[w] = 0 /* store target */
    };
#ifdef BUG_BIT_CLEARED_UNLOCKED
    unlock();
#endif
    d_step { /* fetch_and of bits */
        TOUCH();
        weak_bit = 0;
    }
}

/* tn_mutator_bury(), and tn_weakrefs_clear() if the bit is set. */
inline bury()
{
#ifdef BUG_RETIRED_BEFORE_CLEARED
    retire();
    quiescent(me);
#endif
    d_step { /* load bits */
        seen = weak_bit;
#ifndef BUG_RETIRED_BEFORE_CLEARED
        TOUCH();
#endif
    }
#ifdef BUG_BIT_NOT_LOOKED_AT
    seen = 0;
#endif
    if
    :: seen ->
        lock();
        if
        :: entry != 0 ->
            remove_entry()
#ifdef BUG_BIT_CLEARED_UNLOCKED
        :: else -> unlock()
        fi
#else
        :: else
        fi;
        unlock()
#endif
    :: else
    fi;
#ifndef BUG_RETIRED_BEFORE_CLEARED
    retire();
#endif
    seen = 0
}

inline drop(me)
{
    d_step { /* fetch_sub of shared */
        TOUCH();
        count--;
        held[me]--;
        last = (count == 0)
    };
    if
    :: last -> bury()
    :: else
    fi;
    last = 0
}

/* A weakref's last reference: tn_weakref_unregister() from its clear(), then limbo. */
inline drop_weakref(me)
{
    d_step { /* fetch_sub of shared */
        mine = w_held[me] - 1;
        W_TOUCH(mine);
        w_count[mine]--;
        w_held[me] = 0;
        last = (w_count[mine] == 0)
    };
    if
    :: last ->
        d_step { /* load target */
            seen = w_target[mine];
        };
        if
        :: seen ->
            lock();
            if
#ifdef BUG_TARGET_NOT_RELOADED
            :: entry != 0 ->
#else
            :: w_target[mine] ->
#endif
                assert(entry == mine + 1);
                remove_entry()
#ifdef BUG_BIT_CLEARED_UNLOCKED
            :: else -> unlock()
            fi
#else
            :: else
            fi;
            unlock()
#endif
        :: else
        fi;
        d_step {
            w_retired[mine] = 1;
            w_waited_for[mine] = READERS
        }
    :: else
    fi;
    d_step {
        seen = 0;
        last = 0;
        mine = 0
    }
}

/* ---- Making and reading ------------------------------------------------------------------- */

/* register_locked(), of a weakref that is new. */
inline register_new(me)
{
    d_step {
        w = 0;
        do
        :: w_born[w] -> w++
        :: else -> break
        od;
        w_born[w] = 1;
        w_count[w] = 1;
        w_held[me] = w + 1;
        w_target[w] = 1; /* store target */
        if
        :: entry != 0 -> /* of one that is dying, which need not unregister any more */
            W_TOUCH(entry - 1);
            w_target[entry - 1] = 0
        :: else
        fi;
        entry = w + 1
    };
    d_step { /* fetch_or of bits */
        TOUCH();
        weak_bit = 1;
    }
}

/* tn_weakref_new(): the one that there is, unless it is dying; or a new one. */
inline make(me)
{
    lock();
    if
    :: atomic {
           entry != 0 && w_count[entry - 1] > 0;
           W_TOUCH(entry - 1);
           w_count[entry - 1]++;
           w_held[me] = entry
       }
    :: atomic {
           (entry == 0 || w_count[entry - 1] == 0) && !(w_born[0] && w_born[1])
       } ->
        register_new(me)
    :: atomic {
           (entry == 0 || w_count[entry - 1] == 0) && w_born[0] && w_born[1]
       } /* both are used up: the end of the model, not of the code */
    fi;
    unlock()
}

/* A weakref that somebody holds is found somewhere, and borrowed for this section. */
inline borrow()
{
    d_step {
        borrowed == 0 && ((w_count[0] > 0) || (w_count[1] > 0));
        borrowed = (w_count[0] > 0 -> 1 : 2)
    }
}

/* tn_weakref_get(): load, then tryref. */
inline deref(me)
{
    d_step { /* load target */
        W_TOUCH(borrowed - 1);
        seen = w_target[borrowed - 1];
    };
#ifdef BUG_READ_OUTSIDE_SECTION
    w = borrowed;
    quiescent(me);
#endif
    if
    :: seen ->
        d_step { /* CAS of shared, or the load that says dead */
            TOUCH();
            if
#ifndef BUG_DEREF_WITHOUT_TRYREF
            :: count == 0
#endif
            :: else ->
                assert(count > 0);
                count++;
                held[me]++
            fi
        }
    :: else
    fi;
    seen = 0
}

/* ---- Threads ----------------------------------------------------------------------------- */

proctype thread(byte me)
{
    byte w, mine, borrowed;
    bit seen, last;

    do
    :: held[me] > 0 && w_held[me] == 0 -> make(me)
    :: held[me] > 0 -> drop(me)
    :: w_held[me] > 0 -> drop_weakref(me)
    :: borrow()
    :: borrowed > 0 && held[me] == 0 -> deref(me)
    :: borrowed > 0 || (waited_for & BIT(me)) || (w_waited_for[0] & BIT(me)) ||
           (w_waited_for[1] & BIT(me)) ->
        quiescent(me)
    :: held[me] == 0 && w_held[me] == 0 && borrowed == 0 -> break
    od;
    n_done++;
    /* Offline from here on: no grace period waits for it. */
    do
    :: (waited_for & BIT(me)) || (w_waited_for[0] & BIT(me)) || (w_waited_for[1] & BIT(me)) ->
        quiescent(me)
    :: n_done == THREADS && !(waited_for & BIT(me)) && !(w_waited_for[0] & BIT(me)) &&
           !(w_waited_for[1] & BIT(me)) ->
        break
    od
}

init
{
    atomic {
        held[0] = 1;
        run thread(0);
        run thread(1)
    }
    _nr_pr == 1;
    assert(!locked && entry == 0 && !weak_bit);
    assert(freed == (count == 0));
    assert(count > 0 || !(w_target[0] || w_target[1]));
    assert((!w_born[0] || w_freed[0]) && (!w_born[1] || w_freed[1]))
}
