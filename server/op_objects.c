/* SPDX-License-Identifier: MIT */
/* Operations on objects of any type: Describe, Length, Contains, Release. */
#include "core/base/err.h"
#include "server/request.h"

static const char *state_name(enum tn_count_state state)
{
    static const char *const names[] = {
        [TN_STATE_PRIVATE] = "private",
        [TN_STATE_PUBLISHED] = "published",
        [TN_STATE_QUEUED] = "queued",
        [TN_STATE_MERGED] = "merged",
    };

    return names[state];
}

/* protobuf-c has `char *` for strings that it never writes to. */
static char *wire_string(const char *text)
{
    return (char *)(uintptr_t)text;
}

static void describe_refs(const struct tn_object *o, Tenure__V1__DescribeResponse *answer)
{
    struct tn_refcount refs = tn_refcount_read(o);

    answer->immortal = refs.immortal;
    answer->state = wire_string(state_name(refs.state));
    answer->owner = refs.owner;
    if (refs.immortal)
        return;
    answer->refs_local = refs.local;
    answer->refs_shared = refs.shared;
    answer->refs = refs.local + refs.shared;
}

/* The name of a class, or of a record's, copied: in a batch it may be gone before the
 * answer is packed. */
static int describe_class(struct tn_request_ctx *ctx, const struct tn_object *o,
                          Tenure__V1__DescribeResponse *answer)
{
    const struct tn_object *class = o->type == TN_TYPE_RECORD ? tn_record_class(o) : o;

    return class == NULL ? TN_ERR_BUSY
                         : tn_ctx_copy(ctx, tn_class_name(class), &answer->class_name);
}

/* How the name is bound through which the object was found. The object must not be
 * looked at any more: the name may be over by now, and have let go of it. */
static int describe_name(struct tn_request_ctx *ctx, const ProtobufCBinaryData *name,
                         uint64_t version, Tenure__V1__DescribeResponse *answer)
{
    struct tn_name_info info;
    struct tn_object *o;

    if (tn_name_describe(ctx->mu, ctx->session->ns, TN_SLICE(name->data, name->len), &o, &info) <
            0 ||
        info.version != version)
        return TN_ERR_BUSY; /* bound to something else meanwhile */
    answer->name_kind = (Tenure__V1__NameKind)info.kind;
    answer->name_ttl_ms = info.ttl_ms;
    return 0;
}

static int describe(struct tn_request_ctx *ctx, struct tn_object *o, uint64_t version,
                    const void *message, struct tn_result *result)
{
    const Tenure__V1__DescribeRequest *msg = message;
    Tenure__V1__DescribeResponse *answer = &result->message.describe;
    uint64_t length;
    int r = 0;

    result->which = TENURE__V1__RESPONSE__RESULT_DESCRIBE;
    *answer = (Tenure__V1__DescribeResponse)TENURE__V1__DESCRIBE_RESPONSE__INIT;
    answer->identity = tn_identity(ctx->ex->service->heap, o);
    answer->type = (Tenure__V1__TypeTag)o->type;
    describe_refs(o, answer);
    answer->shallow_bytes = tn_shallow_bytes(o);
    answer->tracked = tn_type_is_container((enum tn_type_id)o->type);
    if (tn_length(o, &length) == 0) /* what has no length has 0 here */
        answer->length = length;
    if (o->type == TN_TYPE_CLASS || o->type == TN_TYPE_RECORD) {
        r = describe_class(ctx, o, answer);
        if (r < 0)
            return r;
    }
    if (msg->deep) {
        uint64_t max = msg->max_objects != 0 && msg->max_objects < TN_DEEP_OBJECTS
                           ? msg->max_objects
                           : TN_DEEP_OBJECTS;
        struct tn_deep_size size;

        r = tn_deep_size(o, max, &size);
        if (r < 0)
            return r;
        answer->deep_bytes = size.bytes;
        answer->deep_objects = size.n_objs;
        answer->deep_complete = size.is_complete;
    }
    if (msg->holders)
        r = tn_holders_tell(ctx, o, answer->refs, &answer->holders);
    if (r == 0)
        r = tn_check_alive(o);
    if (r == 0 && msg->target->name.len != 0)
        r = describe_name(ctx, &msg->target->name, version, answer);
    return r;
}

int tn_op_describe(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__DescribeRequest *msg = message;

    return tn_read_target(ctx, msg->target, describe, msg, result);
}

static int read_length(struct tn_request_ctx *ctx, struct tn_object *o, uint64_t version,
                       const void *message, struct tn_result *result)
{
    uint64_t length;

    (void)version;
    (void)message;
    if (tn_length(o, &length) < 0)
        return tn_wrong_type(ctx, o, "something that has a length");
    tn_result_count(result, length);
    return tn_check_alive(o);
}

int tn_op_length(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__LengthRequest *msg = message;

    return tn_read_target(ctx, msg->target, read_length, msg, result);
}

/* ---- Contains ---- */

static int tuple_contains(struct tn_request_ctx *ctx, const struct tn_object *tuple,
                          struct tn_object *value, bool *ret_contains)
{
    size_t n = tn_tuple_length(tuple);

    *ret_contains = false;
    for (size_t i = 0; i < n && !*ret_contains; i++) {
        int r = tn_equal(ctx->ex->service->heap, tn_tuple_get(tuple, i), value, ret_contains);

        if (r < 0)
            return r;
    }
    return 0;
}

static int dict_contains(struct tn_request_ctx *ctx, struct tn_object *dict,
                         const struct tn_object *key, bool *ret_contains)
{
    struct tn_object *found;
    int r = tn_dict_get(ctx->mu, dict, key, &found);

    *ret_contains = r == 0;
    return r == TN_ERR_KEY ? 0 : r;
}

static int array_contains(struct tn_request_ctx *ctx, struct tn_object *o, struct tn_object *value,
                          bool *ret_contains)
{
    size_t at;
    int r = tn_array_index(ctx->mu, o, value, INT64_MIN, &at);

    if (r == TN_ERR_TYPE)
        return tn_wrong_type(ctx, value, tn_array_needles(o));
    *ret_contains = r == 0;
    return r == TN_ERR_KEY ? 0 : r;
}

/* `message` is the object that is looked for. */
static int contains(struct tn_request_ctx *ctx, struct tn_object *o, uint64_t version,
                    const void *message, struct tn_result *result)
{
    struct tn_object *value = *(struct tn_object *const *)message;
    bool does_contain = false;
    int r;

    (void)version;
    switch (o->type) {
    case TN_TYPE_LIST:
        r = tn_list_contains(ctx->mu, o, value, &does_contain);
        break;
    case TN_TYPE_TUPLE:
        r = tuple_contains(ctx, o, value, &does_contain);
        break;
    case TN_TYPE_DEQUE:
        r = tn_deque_contains(ctx->mu, o, value, &does_contain);
        break;
    case TN_TYPE_DICT:
        r = dict_contains(ctx, o, value, &does_contain);
        break;
    case TN_TYPE_ARRAY:
    case TN_TYPE_BYTEARRAY:
        r = array_contains(ctx, o, value, &does_contain);
        break;
    case TN_TYPE_SET:
    case TN_TYPE_FROZENSET:
        r = tn_set_contains(ctx->mu, o, value, &does_contain);
        if (r == TN_ERR_UNHASHABLE)
            r = tn_unhashable(ctx, (enum tn_type_id)value->type, TN_AS_MEMBER);
        break;
    default:
        return tn_wrong_type(ctx, o,
                             "a list, tuple, deque, dict, set, frozenset, array or bytearray");
    }
    if (r == 0 && !does_contain)
        r = tn_check_alive(o);
    if (r < 0)
        return r;
    tn_result_boolean(result, does_contain);
    return 0;
}

int tn_op_contains(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ContainsRequest *msg = message;
    struct tn_object *value = NULL;
    int r;

    r = tn_value_probe(ctx, msg->value, &value);
    if (r < 0)
        return r;
    r = tn_read_target(ctx, msg->target, contains, &value, result);
    if (r == 0)
        tn_values_settle(ctx, false); /* what it was compared with is not kept */
    return r;
}

/* ---- Release ---- */

int tn_op_release(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ReleaseRequest *msg = message;
    uint64_t n_released = 0;

    for (size_t i = 0; i < msg->n_handles; i++) {
        struct tn_object *o;

        if (tn_session_take(ctx->session, ctx->mu, msg->handles[i], &o) < 0)
            continue; /* it is not held, which is what was wanted */
        tn_decref(ctx->mu, o);
        n_released++;
        if (n_released % TN_RELEASES_PER_SAFEPOINT == 0)
            tn_ctx_safepoint(ctx); /* nothing is borrowed here, also not in a batch */
    }
    tn_counter_sub(&ctx->ex->counters->handles, n_released);
    tn_result_count(result, n_released);
    return 0;
}
