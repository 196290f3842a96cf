/* SPDX-License-Identifier: MIT */
/*
 * The counting protocol: one object, the thread that owns it, and two foreigners.
 *
 * The C code is core/object/refcount.h and .c; the files that are included here stand for
 * mutator.c, thread.c, death.c and core/memory/cache.c. Each step here (a d_step, or a statement
 * on its own) is one access that the C code makes to memory that another thread may touch; its
 * comment names it. What lies between two steps is private to its thread. Threads do any number of
 * operations in any order. Memory is sequentially consistent; README.md says which C orders that
 * relies on.
 *
 * Invariants, asserted in every step that changes a count:
 * - the references that exist (EXIST) are local + shared + carry, where carry is what a merge has
 *   taken out of the local count and not yet added to the shared one; never fewer than zero;
 * - an object dies (is retired, or freed at once) only when EXIST is zero, and does so once;
 * - tryref succeeds only while EXIST is above zero;
 * - nobody touches the object after it was freed;
 * - the object is queued at most once;
 * and when all threads are done, nothing is queued, and the object is freed if and only if
 * nothing refers to it.
 */

/* How many references a thread holds at a time, and how far the owner raises its count. */
#ifndef OWNER_HOLDS
#define OWNER_HOLDS 1
#endif
#ifndef FOREIGNERS_HOLD
#define FOREIGNERS_HOLD 1
#endif
#ifndef LOCAL_MAX
#define LOCAL_MAX 2
#endif

/* Threads. The owner's mutator is 1 in the header, 0 is nobody; foreigners are never owners. */
#define OWNER 0
#define NOBODY 0
#define OWNER_ID 1
#define BIT(t) (1 << (t))

mtype = { PRIVATE, PUBLISHED, QUEUED, MERGED };
mtype = { ONLINE, OFFLINE, CLAIMED };
/* What remains to be done after a count was lowered. */
mtype = { NOTHING, QUEUE, BURY };

/* The object's header. shared_count and shared_state are one word: they change in one step. */
short local_count = 1;
byte owner = OWNER_ID;
short shared_count = 0;
mtype shared_state = PRIVATE;

/*
 * The queue: the object's bit in the header of its pool, the pool's flag, and whether the pool is
 * on the owner's attention stack. The stack and the mutator's state are a Dekker exchange.
 */
bit queue_bit = 0;
bit pool_flag = 0;
bit attention = 0;
mtype mutator = ONLINE;

/* The one place where other threads find the object: a name, or a slot of a container. */
bit slot = 0;

/* Read sections. A grace period ends when everyone in waited_for has been quiescent. */
byte readers = BIT(0) | BIT(1) | BIT(2);
byte waited_for = 0;
bit retired = 0;
bit freed = 0;

/* Ghosts: who holds references. The slot holds one while it is full, the queue's is in_queue. */
byte held[3];
bit in_queue = 0;
byte carry = 0;
bit was_queued = 0;
byte n_done = 0;

#define EXIST (held[0] + held[1] + held[2] + slot + in_queue)
#define COUNTED (local_count + shared_count + carry)
#define TOUCH() assert(!freed)
#define CHECK()                 \
    assert(!retired && !freed); \
    assert(COUNTED >= 0);       \
    assert(COUNTED == EXIST)

#include "reclaim.pml"

/* ---- The shared word --------------------------------------------------------------------- */

#define SEE_SHARED()  \
    TOUCH();          \
    c = shared_count; \
    s = shared_state

#define FORGET_SHARED() \
    c = 0;              \
    s = 0

inline load_shared()
{
    d_step { SEE_SHARED() }
}

/*
 * A CAS loop: EXPECT loads, CAS goes on only if nothing has changed since, RETRY loads again.
 * Without SPLIT_CAS the loop is one step, the CAS that succeeds: it has seen the value that it
 * replaces, and the attempts before it changed nothing.
 */
#ifdef SPLIT_CAS
#define SAME (shared_count == c && shared_state == s)
#define EXPECT() load_shared();
#define CAS() SAME; TOUCH()
#define RETRY() :: d_step { !SAME -> SEE_SHARED() }
#else
#define EXPECT()
#define CAS() SEE_SHARED()
#define RETRY()
#endif
#ifdef BUG_MERGE_PLAIN_STORE
#define CAS_OF_MERGE() TOUCH()
#else
#define CAS_OF_MERGE() CAS()
#endif

/* The registers are cleared between operations, so that equal states compare equal. */
inline forget()
{
    l = 0;
    o = 0;
    s = 0;
    c = 0;
    next = 0
}

/* The end of whatever may have lowered a count to zero. */
inline finish()
{
    atomic {
        if
        :: next == BURY -> retire()
        :: else
        fi;
        forget()
    }
}

/* ---- Lowering and merging ---------------------------------------------------------------- */

/* decref_merged(), of the queue's reference. */
inline decref_merged()
{
    d_step { /* fetch_sub of shared */
        TOUCH();
        shared_count--;
        in_queue = 0;
        next = (shared_count == 0 -> BURY : NOTHING);
        CHECK();
    }
}

/* decref_shared(), and in the merged state decref_merged(), which subtracts without a loop. */
inline decref_shared(me)
{
    EXPECT()
    do
    :: d_step { /* CAS of shared */
           CAS();
           held[me]--;
           if
           :: s == PUBLISHED && c == 0 ->
               shared_state = QUEUED;
#ifdef BUG_QUEUE_NOT_COUNTED
               shared_count--;
#endif
               in_queue = 1;
               next = QUEUE
           :: else ->
               shared_count--;
               next = (s == MERGED && c == 1 -> BURY : NOTHING)
           fi;
           CHECK();
           FORGET_SHARED()
       };
       break
       RETRY()
    od
}

/*
 * The CAS with which the owner lets go: what was local (in l and carry) goes to shared, less one
 * reference: the queue's, or the last one that the owner counted. Nothing is touched afterwards.
 */
inline merge(me, from_queue)
{
    d_step { /* store owner */
        TOUCH();
        owner = NOBODY;
    }
    EXPECT()
    do
    :: d_step { /* CAS of shared */
           CAS_OF_MERGE();
           shared_count = c + l - 1;
           shared_state = MERGED;
           carry = 0;
           if
           :: from_queue -> in_queue = 0
           :: else -> held[me]--
           fi;
           next = (shared_count == 0 -> BURY : NOTHING);
           CHECK();
           FORGET_SHARED()
       };
       break
       RETRY()
    od
}

/* merge_queued(), by the bearer of the owner's mutator. */
inline merge_queued(me)
{
    load_shared(); /* load shared */
    if
    :: s == MERGED -> decref_merged()
    :: else ->
        assert(s == QUEUED);
        d_step { /* load local */
            TOUCH();
            l = local_count;
        }
        d_step { /* store local */
            TOUCH();
            local_count = 0;
            carry = l;
        }
        merge(me, 1)
    fi;
    finish()
}

#include "mutator.pml"

/* ---- What a foreigner does, and the owner once the object has none ----------------------- */

inline incref_shared(me)
{
    d_step { /* fetch_add of shared */
        TOUCH();
        assert(EXIST > 0);
        shared_count++;
        held[me]++;
        CHECK();
    }
}

inline tryref_shared(me)
{
    EXPECT()
    do
    :: d_step { /* CAS of shared, or the load that says dead */
           CAS();
           if
#ifndef BUG_TRYREF_REVIVES
           :: s == MERGED && c <= 0
#endif
           :: else ->
               assert(EXIST > 0);
               shared_count++;
               held[me]++;
               CHECK()
           fi;
           FORGET_SHARED()
       };
       break
       RETRY()
    od
}

inline decref_foreign(me)
{
#ifdef BUG_DROP_OUTSIDE_SECTION
    rcu_offline(me);
#endif
    decref_shared(me);
    if
    :: next == QUEUE ->
        next = 0;
        queue_object(me)
    :: else -> finish()
    fi
#ifdef BUG_DROP_OUTSIDE_SECTION
    ;
    rcu_online(me)
#endif
}

/* ---- What the owner does: local and owner are loaded and stored apart -------------------- */

/*
 * decref_last(). The last local reference counts as held until the CAS that merges: a tryref that
 * comes between the store of zero and that CAS raises the shared count, and the object lives on.
 */
inline decref_last()
{
    load_shared(); /* load shared */
    d_step {       /* store local */
        TOUCH();
        local_count = 0;
        carry = 1;
    }
    if
    :: s == PRIVATE ->
        d_step { /* nobody else can have found it: freed at once */
            TOUCH();
            held[OWNER]--;
            carry = 0;
            free_object()
        }
    :: else ->
#ifdef BUG_ZERO_LOCAL_FREES
        atomic {
            held[OWNER]--;
            carry = 0;
            retire()
        }
#else
        merge(OWNER, 0)
#endif
    fi
}

inline load_local()
{
    d_step { /* load local */
        TOUCH();
        l = local_count;
    }
    d_step { /* load owner */
        TOUCH();
        o = owner;
    }
}

inline decref_owner()
{
    load_local();
    if
    :: o == OWNER_ID && l > 1 ->
        d_step { /* store local */
            TOUCH();
            local_count = l - 1;
            held[OWNER]--;
            CHECK();
        }
    :: o == OWNER_ID && l == 1 -> decref_last()
    :: o != OWNER_ID ->
        decref_shared(OWNER);
        assert(next != QUEUE)
    fi;
    finish()
}

inline raise_local()
{
    d_step { /* store local */
        TOUCH();
        assert(EXIST > 0);
        local_count = l + 1;
        held[OWNER]++;
        CHECK();
    }
}

inline incref_owner()
{
    load_local();
    if
    :: o == OWNER_ID -> raise_local()
    :: else -> incref_shared(OWNER)
    fi;
    finish()
}

/* What the owner finds and still owns is alive, whatever shared says. */
inline tryref_owner()
{
    load_local();
    if
    :: o == OWNER_ID -> raise_local()
    :: else -> tryref_shared(OWNER)
    fi;
    finish()
}

inline publish()
{
    d_step { /* load shared */
        TOUCH();
        s = shared_state;
    }
    if
    :: s == PRIVATE ->
        d_step { /* store shared */
            TOUCH();
            shared_state = PUBLISHED;
        }
    :: else
    fi;
    forget()
}

/* ---- The slot, which has a reference of its own: it passes to the taker, or from the giver - */

inline take_slot(me, max)
{
    d_step {
        slot && held[me] < max;
        slot = 0;
        held[me]++;
    }
}

#ifdef BUG_STORED_BEFORE_PUBLISHED
#define MAY_BE_FOUND true
#else
#define MAY_BE_FOUND (shared_state != PRIVATE)
#endif

inline fill_slot(me)
{
    d_step {
        held[me] > 0 && !slot && MAY_BE_FOUND;
        slot = 1;
        held[me]--;
    }
}

/* ---- Threads ----------------------------------------------------------------------------- */

/* The owner may take one more reference. Once there is no owner, only what it holds counts. */
#define OWNER_MAY_TAKE (held[OWNER] < OWNER_HOLDS && local_count < LOCAL_MAX)

active proctype owner_thread()
{
    short l, c;
    byte o;
    mtype s, next;
    bit borrowed;

    do
    :: held[OWNER] > 0 && OWNER_MAY_TAKE -> incref_owner()
    :: held[OWNER] > 0 -> decref_owner()
    :: held[OWNER] > 0 && !slot -> publish()
    :: fill_slot(OWNER)
    :: take_slot(OWNER, OWNER_HOLDS)
    :: slot && !borrowed -> borrowed = 1
    :: borrowed && OWNER_MAY_TAKE -> tryref_owner()
    :: quiescent(OWNER)
    :: attention -> attend(OWNER)
#ifdef OWNER_SLEEPS
    :: true ->
        go_offline();
        go_online()
#endif
#ifdef OWNER_EXITS
    :: held[OWNER] == 0 -> break
#else
    :: held[OWNER] == 0 && n_done == 2 && !attention -> break
#endif
    od;
    go_offline();
    n_done++
}

proctype foreigner(byte me)
{
    short l, c;
    byte o;
    mtype s, next;
    bit borrowed, was_set;

    do
    :: held[me] > 0 && held[me] < FOREIGNERS_HOLD -> incref_shared(me)
    :: held[me] > 0 -> decref_foreign(me)
    :: fill_slot(me)
    :: take_slot(me, FOREIGNERS_HOLD)
    :: slot && !borrowed -> borrowed = 1
    :: borrowed && held[me] < FOREIGNERS_HOLD -> tryref_shared(me)
    :: quiescent(me)
#ifdef OTHERS_AT_WORK
    :: return_another_block(me)
    :: claim_for_leftovers(me)
#endif
    :: held[me] == 0 -> break
    od;
    rcu_offline(me);
    n_done++
}

init
{
    atomic {
#ifdef ATOMIC
        owner = NOBODY;
        local_count = 0;
        shared_count = 1;
        shared_state = MERGED;
#endif
        held[OWNER] = 1;
        run foreigner(1);
        run foreigner(2);
    }
    n_done == 3;
    assert(!queue_bit && !attention && !in_queue && carry == 0);
    assert(freed == (EXIST == 0));
    assert(freed || COUNTED == EXIST)
}
