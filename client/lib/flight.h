/* SPDX-License-Identifier: MIT */
/*
 * Requests in flight: a fixed table of slots, in which each request has one from
 * when it is buffered until its answer has come and been handed to whom it is for.
 *
 * A request's id is `round * n_slots + slot`, the round growing with every use, so
 * an answer finds its slot at once and an id never comes twice.
 *
 *   kind       meaning                            freed
 *   FREE       nobody's
 *   DISCARD    nobody wants the answer            when it comes
 *   CALL       a call is waiting for it           when it comes; DISCARD at its deadline
 *   PENDING    it goes into a tn_pending          when it comes; DISCARD at its deadline
 *   STREAM     a tn_subscription, or one that     when the last of its messages comes
 *              has been given up: many answers
 *   CALLBACK   it is for a function               when it has come and been delivered;
 *                                                 DISCARD if delivered without it
 *
 * A CALLBACK that has ended (answer, deadline, loss) while functions could not be
 * called waits in the queue of the ended, oldest first.
 */
#ifndef TN_CLIENT_LIB_FLIGHT_H
#define TN_CLIENT_LIB_FLIGHT_H

#include <tenure/tenure.h>

#include "core/base/attr.h"

enum tn_flight_kind {
    TN_FLIGHT_FREE,
    TN_FLIGHT_DISCARD,
    TN_FLIGHT_CALL,
    TN_FLIGHT_PENDING,
    TN_FLIGHT_CALLBACK,
    TN_FLIGHT_STREAM,
};

#define TN_FLIGHT_NONE UINT32_MAX

struct tn_flight {
    enum tn_flight_kind kind;
    bool is_answered;  /* CALLBACK that has ended: the answer has come */
    bool is_ended;     /* CALLBACK: waits in the queue of the ended */
    bool is_abandoned; /* DISCARD: the deadline passed before the answer came */
    uint64_t id;
    uint64_t deadline_ns; /* 0: none */
    union {
        struct tn_pending *pending;           /* PENDING */
        struct tn_subscription *subscription; /* STREAM; NULL: given up */
        struct {                              /* CALLBACK */
            tn_reply_fn *fn;
            void *arg;
        };
    };
    /* CALLBACK that has ended: the error if `stored` is NULL, else the answer. */
    int end_err;
    void *stored; /* owned */
    size_t stored_len;
    uint32_t next; /* of the free or the ended slots */
};

struct tn_flights {
    struct tn_flight *slots;
    uint32_t n_slots;
    uint32_t n_used;      /* slots that are not free */
    uint32_t n_abandoned; /* of these */
    uint32_t n_streams;   /* of these, too: they do not count as requests in flight */
    uint32_t first_free;
    uint32_t first_ended;
    uint32_t last_ended;
    uint64_t round;
    uint64_t earliest_ns; /* no deadline is earlier; UINT64_MAX: there is none */
};

/* TN_ENOMEM. */
TN_MUST_CHECK int tn_flights_init(struct tn_flights *flights, uint32_t n_slots);

/* Frees the table and what is stored in it. Also works on zero bytes. */
void tn_flights_fini(struct tn_flights *flights);

/* A slot for a new request, with an id, to be filled in; NULL if all are used. */
struct tn_flight *tn_flights_take(struct tn_flights *flights, enum tn_flight_kind kind,
                                  uint64_t deadline_ns);

/* Requests that are in flight. */
static inline uint32_t tn_flights_n_requests(const struct tn_flights *flights)
{
    return flights->n_used - flights->n_streams;
}

/* The slot of a request that has no answer yet; NULL if there is no such request. */
struct tn_flight *tn_flights_find(struct tn_flights *flights, uint64_t id);

void tn_flights_free(struct tn_flights *flights, struct tn_flight *flight);

/* Nobody wants the answer any more. */
void tn_flights_discard(struct tn_flights *flights, struct tn_flight *flight, bool is_abandoned);

/* Puts a CALLBACK into the queue of the ended. `take_stored` (may be NULL) is an
 * answer of `len` bytes from malloc(), which the slot takes over. */
void tn_flights_end(struct tn_flights *flights, struct tn_flight *flight, int err,
                    void *take_stored, size_t len);

/* The oldest of the ended, which leaves the queue; NULL if there is none. */
struct tn_flight *tn_flights_pop_ended(struct tn_flights *flights);

#endif
