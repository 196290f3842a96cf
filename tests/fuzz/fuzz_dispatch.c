/* SPDX-License-Identifier: MIT */
/*
 * The dispatcher: whatever requests a session makes, nothing breaks, every one
 * is answered, and at the end nothing is left.
 *
 * The input is a number of frames, as a connection would bring them. The first
 * byte chooses the mode and whether memory is short. A handle in the input that
 * is small stands for one that the session holds, as nobody can guess those.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/base/check.h"
#include "core/base/err.h"
#include "proto/frame.h"
#include "proto/utf8.h"
#include "server/service.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_FRAME ((size_t)64 << 10)
#define HANDLES_MAX 64
#define EVENTS_BYTES 200
#define SMALL_HEAP ((uint64_t)TN_HEAP_BYTES_MIN)

struct run {
    struct tn_service service;
    struct tn_executor ex;
    struct tn_session session;
    struct tn_arena arena;
    struct tn_buffer out;
    uint64_t handles[HANDLES_MAX]; /* given out, some of them released since */
    size_t n_handles;
};

static void set_up(struct run *run, uint8_t choice)
{
    struct tn_config config;
    int r;

    tn_config_init(&config);
    config.mode = (enum tn_mode)(choice % 3);
    config.workers = 1;
    config.max_frame_bytes = MAX_FRAME;
    config.max_handles = 1000;
    config.max_steps = 100;
    if (choice & 0x80)
        config.max_memory_bytes = SMALL_HEAP;
    r = tn_config_finish(&config, NULL);
    TN_ASSERT(r == 0);
    r = tn_service_init(&run->service, &config, NULL);
    TN_ASSERT(r == 0);
    r = tn_executor_init(&run->ex, &run->service, 0);
    TN_ASSERT(r == 0);
    r = tn_arena_init(&run->arena, 1024, run->service.limits.max_parse_bytes);
    TN_ASSERT(r == 0);
    tn_session_init(&run->session, (size_t)config.max_handles);
    tn_buffer_init(&run->out, 2 * MAX_FRAME);
}

/* ---- Handles ---- */

static void replace_handle(const struct run *run, uint64_t *handle)
{
    if (*handle != 0 && *handle <= run->n_handles)
        *handle = run->handles[*handle - 1];
}

/* Goes through a message and all that is in it. Nesting is bounded by the scan. */
static void replace_handles(const struct run *run, ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *desc = message->descriptor;

    for (unsigned int i = 0; i < desc->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &desc->fields[i];
        char *at = (char *)message + field->offset;
        size_t n = 1;

        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            n = *(size_t *)(void *)((char *)message + field->quantifier_offset);
            at = *(char **)(void *)at;
        } else if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
                   *(uint32_t *)(void *)((char *)message + field->quantifier_offset) != field->id) {
            continue;
        }
        for (size_t k = 0; k < n; k++) {
            if (field->type == PROTOBUF_C_TYPE_FIXED64)
                replace_handle(run, (uint64_t *)(void *)at + k);
            else if (field->type == PROTOBUF_C_TYPE_MESSAGE &&
                     ((ProtobufCMessage **)(void *)at)[k] != NULL)
                replace_handles(run, ((ProtobufCMessage **)(void *)at)[k]);
        }
    }
}

static void note_handle(struct run *run, uint64_t handle)
{
    if (handle != 0 && run->n_handles < HANDLES_MAX)
        run->handles[run->n_handles++] = handle;
}

/* ---- Answers ---- */

static void check_value(struct run *run, const Tenure__V1__Value *value)
{
    const struct tn_value_limits limits = {
        .max_nodes = SIZE_MAX,
        .max_items = SIZE_MAX,
        .max_bytes = SIZE_MAX,
        .allow_handles = true,
        .is_answer = true,
    };
    int r = tn_value_check(value, &limits, NULL);

    TN_ASSERT(r == 0);
    for (size_t i = 0; i < value->n_handles; i++) {
        struct tn_object *o;

        r = tn_session_find(&run->session, value->handles[i], &o);
        TN_ASSERT(r == 0 && o->type == value->handle_types.data[i]);
        note_handle(run, value->handles[i]);
    }
}

static void check_object(struct run *run, const Tenure__V1__ObjectResponse *object, bool is_step)
{
    struct tn_object *o;

    TN_ASSERT((object->value == NULL) == (object->handle != 0));
    if (object->value != NULL && !is_step)
        check_value(run, object->value);
    else if (object->handle != 0 && !is_step)
        TN_ASSERT(tn_session_find(&run->session, object->handle, &o) == 0);
    note_handle(run, object->handle);
}

/* The one message that there must be, well-formed. It stays in `out`. */
static Tenure__V1__Response *read_message(struct run *run)
{
    const struct tn_scan_limits limits = TN_SCAN_LIMITS_DEFAULT;
    Tenure__V1__Response *response;
    struct tn_frame frame;
    int r;

    r = tn_frame_parse(tn_buffer_begin(&run->out), tn_buffer_len(&run->out), MAX_FRAME, &frame,
                       NULL);
    TN_ASSERT(r == 0 && frame.offset + frame.len == tn_buffer_len(&run->out));
    r = tn_message_unpack_response(TN_SLICE(tn_buffer_begin(&run->out) + frame.offset, frame.len),
                                   &limits, &run->arena, &response, NULL);
    TN_ASSERT(r == 0);
    return response;
}

/* What subscriptions tell: events in their order, or the end. */
static void check_events(struct run *run)
{
    struct tn_hub *hub = &run->ex.hub;

    while (tn_hub_collect(hub))
        ;
    while (!tn_ring_is_empty(&hub->pending)) {
        struct tn_subscription *sub =
            TN_CONTAINER_OF(hub->pending.next, struct tn_subscription, pending);
        Tenure__V1__Response *response;
        int r = tn_subscription_pack(sub, EVENTS_BYTES, &run->out);

        TN_ASSERT(r == 0);
        response = read_message(run);
        TN_ASSERT(response->id == sub->options.id && response->status == NULL &&
                  response->result_case == TENURE__V1__RESPONSE__RESULT_EVENTS &&
                  response->events->ended == sub->is_ended &&
                  (response->events->n_events > 0) == !sub->is_ended);
        for (size_t i = 1; i < response->events->n_events; i++)
            TN_ASSERT(response->events->events[i]->sequence >=
                      response->events->events[i - 1]->sequence);
        if (sub->is_ended)
            tn_subscription_free(&sub);
        tn_buffer_consume(&run->out, tn_buffer_len(&run->out));
    }
}

/* The one answer that there must be, well-formed and of the right kind. */
static void check_answer(struct run *run, uint64_t id)
{
    Tenure__V1__Response *response = read_message(run);

    TN_ASSERT(response->id == id || response->id == 0);
    TN_ASSERT((response->status == NULL) == (response->result_case != 0));
    if (response->result_case == TENURE__V1__RESPONSE__RESULT_OBJECT)
        check_object(run, response->object, false);
    else if (response->result_case == TENURE__V1__RESPONSE__RESULT_SCAN_DICT)
        check_value(run, response->scan_dict->entries);
    else if (response->result_case == TENURE__V1__RESPONSE__RESULT_NAME)
        note_handle(run, response->name->handle);
    else if (response->result_case == TENURE__V1__RESPONSE__RESULT_BATCH)
        for (size_t i = 0; i < response->batch->n_results; i++)
            if (response->batch->results[i]->result_case == TENURE__V1__STEP_RESULT__RESULT_OBJECT)
                check_object(run, response->batch->results[i]->object, true);
    tn_buffer_consume(&run->out, tn_buffer_len(&run->out));
}

/* ---- Requests ---- */

static void execute(struct run *run, Tenure__V1__Request *request)
{
    const struct tn_incoming incoming = { .request = request,
                                          .free_answer_bytes = TN_ANSWER_FREE_BYTES };
    struct tn_outcome outcome;
    int r;

    r = tn_execute(&run->ex, &run->session, &incoming, &run->out, &outcome);
    TN_ASSERT(r == 0);
    tn_budget_give(&run->service.buffers_out, outcome.taken_bytes);
    TN_ASSERT(atomic_load_explicit(&run->service.buffers_out.taken_bytes, memory_order_relaxed) ==
              0);
    check_answer(run, request->id);
    tn_executor_safepoint(&run->ex);
    /* Not each time, so that something waits, or is lost. */
    if (request->id % 4 == 0)
        check_events(run);
    TN_ASSERT(tn_counter_get(&run->ex.counters->handles) == tn_session_n_handles(&run->session));
}

static void say_hello(struct run *run)
{
    Tenure__V1__HelloRequest hello = TENURE__V1__HELLO_REQUEST__INIT;
    Tenure__V1__Request request = TENURE__V1__REQUEST__INIT;

    hello.protocol = TN_PROTOCOL_VERSION;
    request.id = 1;
    request.op_case = TENURE__V1__REQUEST__OP_HELLO;
    request.hello = &hello;
    execute(run, &request);
    TN_ASSERT(tn_session_is_open(&run->session));
}

/* The frames of the input, until one is not complete. */
static void execute_all(struct run *run, const uint8_t *data, size_t size)
{
    struct tn_frame frame;

    while (size > 0 && tn_frame_parse(data, size, MAX_FRAME, &frame, NULL) == 0) {
        Tenure__V1__Request *request;
        struct tn_status status;

        tn_arena_reset(&run->arena);
        if (tn_message_unpack_request(TN_SLICE(data + frame.offset, frame.len),
                                      &run->service.limits.scan, &run->arena, &request,
                                      &status) == 0) {
            replace_handles(run, &request->base);
            execute(run, request);
        } else {
            TN_ASSERT(!tn_status_is_ok(&status));
        }
        data += frame.offset + frame.len;
        size -= frame.offset + frame.len;
    }
}

/* ---- The end ---- */

/* The input may have made cycles, which only containers that changed can. Then
 * they are all that is left. */
static void tear_down(struct run *run)
{
    struct tn_census census;
    struct tn_object *exported;
    bool is_closed = false;
    size_t n_alive;

    tn_executor_detach(&run->ex, &run->session);
    while ((exported = tn_export_take_expired(&run->service.exports, run->ex.mu, UINT64_MAX)) !=
           NULL)
        tn_decref(run->ex.mu, exported);

    while (!is_closed) {
        size_t budget = 1000;

        is_closed = tn_session_close(&run->session, run->ex.mu, &budget);
        tn_executor_safepoint(&run->ex);
    }
    TN_ASSERT(
        atomic_load_explicit(&run->service.buffers_events.taken_bytes, memory_order_relaxed) == 0);
    tn_executor_offline(&run->ex);
    tn_executor_fini(&run->ex);
    tn_arena_fini(&run->arena);
    tn_buffer_fini(&run->out);
    tn_census_take(run->service.heap, &census);
    TN_ASSERT(census.n_names > 0 || census.live_objs == 0 || census.tracked_objs > 0);
    if (run->service.config.max_memory_bytes != 0)
        TN_ASSERT(census.held_bytes <= SMALL_HEAP);
    n_alive = tn_service_fini(&run->service);
    TN_ASSERT(n_alive == 0 || census.tracked_objs > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run run;

    if (size == 0)
        return 0;
    run = (struct run){ 0 };
    set_up(&run, data[0]);
    tn_executor_online(&run.ex);
    if (data[0] & 0x40) /* without, the input has to do it */
        say_hello(&run);
    execute_all(&run, data + 1, size - 1);
    tear_down(&run);
    return 0;
}
