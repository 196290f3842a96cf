/* SPDX-License-Identifier: MIT */
#include "client/lib/flight.h"

#include <stdlib.h>

#include "core/base/check.h"

int tn_flights_init(struct tn_flights *flights, uint32_t n_slots)
{
    *flights = (struct tn_flights){
        .slots = calloc(n_slots, sizeof(*flights->slots)),
        .n_slots = n_slots,
        .first_ended = TN_FLIGHT_NONE,
        .last_ended = TN_FLIGHT_NONE,
        .round = 1, /* so that no id is 0 */
        .earliest_ns = UINT64_MAX,
    };
    if (!flights->slots)
        return TN_ENOMEM;
    for (uint32_t i = 0; i < n_slots; i++)
        flights->slots[i].next = i + 1 < n_slots ? i + 1 : TN_FLIGHT_NONE;
    return 0;
}

void tn_flights_fini(struct tn_flights *flights)
{
    for (uint32_t i = 0; flights->slots && i < flights->n_slots; i++)
        free(flights->slots[i].stored);
    free(flights->slots);
    *flights = (struct tn_flights){ .slots = NULL };
}

static uint32_t index_of(const struct tn_flights *flights, const struct tn_flight *flight)
{
    return (uint32_t)(flight - flights->slots);
}

struct tn_flight *tn_flights_take(struct tn_flights *flights, enum tn_flight_kind kind,
                                  uint64_t deadline_ns)
{
    uint32_t index = flights->first_free;
    struct tn_flight *flight;

    if (!flights->slots || index == TN_FLIGHT_NONE)
        return NULL;
    flight = &flights->slots[index];
    TN_ASSERT(flight->kind == TN_FLIGHT_FREE);
    flights->first_free = flight->next;
    flights->n_used++;
    if (kind == TN_FLIGHT_STREAM)
        flights->n_streams++;
    *flight = (struct tn_flight){
        .kind = kind,
        .id = flights->round++ * flights->n_slots + index,
        .deadline_ns = deadline_ns,
        .next = TN_FLIGHT_NONE,
    };
    if (deadline_ns != 0 && deadline_ns < flights->earliest_ns)
        flights->earliest_ns = deadline_ns;
    return flight;
}

struct tn_flight *tn_flights_find(struct tn_flights *flights, uint64_t id)
{
    struct tn_flight *flight = &flights->slots[id % flights->n_slots];

    if (flight->kind == TN_FLIGHT_FREE || flight->id != id || flight->is_answered)
        return NULL;
    return flight;
}

void tn_flights_free(struct tn_flights *flights, struct tn_flight *flight)
{
    TN_ASSERT(flight->kind != TN_FLIGHT_FREE);
    if (flight->is_abandoned)
        flights->n_abandoned--;
    if (flight->kind == TN_FLIGHT_STREAM)
        flights->n_streams--;
    free(flight->stored);
    flights->n_used--;
    *flight = (struct tn_flight){ .kind = TN_FLIGHT_FREE, .next = flights->first_free };
    flights->first_free = index_of(flights, flight);
}

void tn_flights_discard(struct tn_flights *flights, struct tn_flight *flight, bool is_abandoned)
{
    TN_ASSERT(flight->kind != TN_FLIGHT_FREE && !flight->is_abandoned && !flight->stored);
    flight->kind = TN_FLIGHT_DISCARD;
    flight->is_ended = false;
    flight->is_abandoned = is_abandoned;
    if (is_abandoned) {
        flight->deadline_ns = 0;
        flights->n_abandoned++;
    }
}

void tn_flights_end(struct tn_flights *flights, struct tn_flight *flight, int err,
                    void *take_stored, size_t len)
{
    uint32_t index = index_of(flights, flight);

    TN_ASSERT(flight->kind == TN_FLIGHT_CALLBACK && !flight->is_ended);
    flight->is_ended = true;
    flight->end_err = err;
    flight->stored = take_stored;
    flight->stored_len = len;
    flight->deadline_ns = 0;
    flight->next = TN_FLIGHT_NONE;
    if (flights->last_ended == TN_FLIGHT_NONE)
        flights->first_ended = index;
    else
        flights->slots[flights->last_ended].next = index;
    flights->last_ended = index;
}

struct tn_flight *tn_flights_pop_ended(struct tn_flights *flights)
{
    struct tn_flight *flight;

    if (!flights->slots || flights->first_ended == TN_FLIGHT_NONE)
        return NULL;
    flight = &flights->slots[flights->first_ended];
    flights->first_ended = flight->next;
    if (flights->first_ended == TN_FLIGHT_NONE)
        flights->last_ended = TN_FLIGHT_NONE;
    flight->is_ended = false;
    return flight;
}
