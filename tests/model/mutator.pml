/* SPDX-License-Identifier: MIT */
/*
 * The queue of an owner, and who sees to it: the owner, or whoever claims its mutator. Part of
 * refcount.pml. Whoever leaves something pushes first and reads the mutator's state afterwards;
 * whoever stops bearing the mutator stores the state first and looks at the stack afterwards.
 */

/* tn_cache_attend(), pool_attend(): the flag is cleared before the bits are taken. */
inline attend(me)
{
    if
    :: d_step { attention -> attention = 0 }; /* exchange of attention */
#ifndef BUG_FLAG_CLEARED_LATE
       pool_flag = 0;                         /* fetch_and of returned */
#endif
       if
       :: d_step { queue_bit -> queue_bit = 0 }; /* exchange of queued */
          merge_queued(me)
       :: !queue_bit
       fi;
#ifdef BUG_FLAG_CLEARED_LATE
       pool_flag = 0
#endif
    :: !attention
    fi
}

/*
 * tn_mutator_leave(), by the owner on its way out and by a claimer: the stack is looked at again
 * after OFFLINE was stored. Who pushed before saw a bearer and left the work to it.
 */
inline leave(me, looks_again)
{
    do
    :: attend(me);
       mutator = OFFLINE; /* store state */
       if
       :: looks_again && attention -> /* tn_cache_needs_attention() */
           if
           :: d_step { mutator == OFFLINE -> mutator = CLAIMED } /* CAS of state */
           :: mutator != OFFLINE -> break
           fi
       :: !looks_again || !attention -> break
       fi
    od
}

#ifdef BUG_OFFLINE_WITHOUT_RECHECK
#define OWNER_LOOKS_AGAIN false
#else
#define OWNER_LOOKS_AGAIN true
#endif
#ifdef BUG_CLAIM_WITHOUT_RECHECK
#define CLAIMER_LOOKS_AGAIN false
#else
#define CLAIMER_LOOKS_AGAIN true
#endif

/* attention_push() if the flag was clear, and on_attention(): push, then look at the state. */
inline push_attention(me)
{
    if
    :: !was_set ->
        attention = 1; /* CAS of attention */
#ifndef BUG_DROPPER_DOES_NOT_CLAIM
        if
        :: d_step { mutator == OFFLINE -> mutator = CLAIMED }; /* CAS of state */
           leave(me, CLAIMER_LOOKS_AGAIN)
        :: mutator != OFFLINE
        fi
#endif
    :: else
    fi;
    was_set = 0
}

/* fetch_or of returned, in tn_pool_queue(); in pool_return() it is the CAS. */
#define SET_FLAG()       \
    was_set = pool_flag; \
    pool_flag = 1

/*
 * tn_pool_queue(). The pool may be given away once the object is freed, so whoever touches the
 * pool's header here touches the object.
 */
inline queue_object(me)
{
    d_step { /* fetch_or of queued */
        TOUCH();
        assert(!was_queued);
        was_queued = 1;
        queue_bit = 1;
    }
    d_step {
        TOUCH();
        SET_FLAG();
    }
    push_attention(me)
}

/*
 * What goes on around the object: some other block of the same pool is returned to it, which sets
 * the same flag, and the reclaimer claims the mutator for what it has left behind. One foreigner
 * that does this is enough.
 */
#define DOES_OTHER_WORK(me) (me == 2)

inline return_another_block(me)
{
    d_step { /* pool_return() */
        DOES_OTHER_WORK(me);
        SET_FLAG();
    }
    push_attention(me)
}

inline claim_for_leftovers(me)
{
    d_step { /* CAS of state */
        DOES_OTHER_WORK(me) && mutator == OFFLINE;
        mutator = CLAIMED;
    }
    leave(me, CLAIMER_LOOKS_AGAIN)
}

inline go_offline()
{
    leave(OWNER, OWNER_LOOKS_AGAIN);
    rcu_offline(OWNER)
}

/* tn_mutator_enter() waits for a claimer. */
inline go_online()
{
    rcu_online(OWNER);
#ifdef BUG_ONLINE_WITHOUT_WAIT
    mutator = ONLINE
#else
    d_step { mutator == OFFLINE -> mutator = ONLINE } /* CAS of state */
#endif
}
