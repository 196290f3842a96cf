/* SPDX-License-Identifier: MIT */
/* Operations on classes: ClassDeclare, ClassDescribe. */
#include "core/base/err.h"
#include "server/request.h"

/* What a description takes of the answer but for its texts. */
#define DESCRIPTION_BYTES ((size_t)96)

/* ---- Declaring ---- */

/* The names of the slots, checked one by one. */
static int read_slots(struct tn_request_ctx *ctx, const Tenure__V1__ClassDeclareRequest *msg,
                      struct tn_class_decl *decl)
{
    struct tn_slice *slots = tn_ctx_alloc(ctx, msg->n_slots * sizeof(*slots));
    int r = slots == NULL ? TN_ERR_NOMEM : 0;

    for (size_t i = 0; r == 0 && i < msg->n_slots; i++) {
        r = tn_name_check(ctx, &msg->slots[i], &slots[i]);
        if (r == 0 && tn_slice_equal(slots[i], tn_slice_from_str("__class__")))
            r = tn_status_setf(ctx->status, TN_REASON_CLASS_INVALID,
                               "A slot cannot be called __class__: that is a record's class.");
    }
    decl->slots = slots;
    decl->n_slots = msg->n_slots;
    return r;
}

/* The name that made a class impossible: there is a slot, also of the base, before
 * it that has the same. */
static struct tn_slice find_repeated(const struct tn_class_decl *decl)
{
    size_t n_inherited = decl->base == NULL ? 0 : tn_class_n_slots(decl->base);

    for (size_t i = 0; i < decl->n_slots; i++) {
        for (size_t k = 0; k < n_inherited; k++)
            if (tn_slice_equal(decl->slots[i], tn_text_slice(tn_class_slot_name(decl->base, k))))
                return decl->slots[i];
        for (size_t k = 0; k < i; k++)
            if (tn_slice_equal(decl->slots[i], decl->slots[k]))
                return decl->slots[i];
    }
    return decl->name;
}

TN_COLD static int class_error(struct tn_request_ctx *ctx, int r, const struct tn_class_decl *decl)
{
    size_t n_inherited = decl->base == NULL ? 0 : tn_class_n_slots(decl->base);
    struct tn_slice name;

    switch (r) {
    case TN_ERR_TOO_MANY:
        return tn_status_setf(ctx->status, TN_REASON_CLASS_INVALID,
                              "The class would have %zu slots, %zu of them inherited, but at most "
                              "%d are possible; use a dict for the rest.",
                              n_inherited + decl->n_slots, n_inherited, TN_CLASS_SLOTS_MAX);
    case TN_ERR_INVAL:
        name = find_repeated(decl);
        return tn_status_setf(ctx->status, TN_REASON_CLASS_INVALID,
                              "The class would have two slots '%.*s'; inherited ones are there "
                              "already and need not be declared.",
                              tn_quoted_len(name), (const char *)name.data);
    default:
        return r;
    }
}

static int read_decl(struct tn_request_ctx *ctx, const Tenure__V1__ClassDeclareRequest *msg,
                     struct tn_class_decl *decl)
{
    int r = tn_name_check(ctx, &msg->name, &decl->name);

    if (r == 0)
        r = read_slots(ctx, msg, decl);
    if (r == 0 && msg->base_class != NULL)
        r = tn_target_hold(ctx, msg->base_class, &decl->base);
    if (r == 0 && decl->base != NULL && decl->base->type != TN_TYPE_CLASS)
        r = tn_wrong_type(ctx, decl->base, "a class as the base");
    decl->has_dict = msg->has_dict;
    decl->has_finalizer = msg->has_finalizer;
    return r;
}

int tn_op_class_declare(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    struct tn_class_decl decl = { .base = NULL };
    struct tn_object *class = NULL;
    int r = tn_handles_reserve(ctx, 1);

    if (r == 0)
        r = read_decl(ctx, message, &decl);
    if (r == 0)
        r = tn_class_new(ctx->mu, &decl, &class);
    if (r < 0)
        return tn_status_is_ok(ctx->status) ? class_error(ctx, r, &decl) : r;
    tn_answer_handle(ctx, &class, 0, result);
    return 0;
}

/* ---- Describing ---- */

static int describe_slots(struct tn_request_ctx *ctx, const struct tn_object *class,
                          Tenure__V1__ClassDescribeResponse *answer)
{
    size_t n_slots = tn_class_n_slots(class);
    ProtobufCBinaryData *slots = tn_ctx_alloc(ctx, n_slots * sizeof(*slots));
    int r = slots == NULL ? TN_ERR_NOMEM : 0;

    for (size_t i = 0; r == 0 && i < n_slots; i++)
        r = tn_ctx_copy(ctx, tn_text_slice(tn_class_slot_name(class, i)), &slots[i]);
    answer->slots = slots;
    answer->n_slots = n_slots;
    answer->n_inherited = (uint32_t)tn_class_n_inherited(class);
    return r;
}

static int describe_base(struct tn_request_ctx *ctx, const struct tn_object *base,
                         Tenure__V1__ClassDescribeResponse *answer)
{
    answer->base_identity = tn_identity(ctx->ex->service->heap, base);
    return tn_ctx_copy(ctx, tn_class_name(base), &answer->base_name);
}

static int describe(struct tn_request_ctx *ctx, struct tn_object *o, uint64_t version,
                    const void *message, struct tn_result *result)
{
    Tenure__V1__ClassDescribeResponse *answer = &result->message.class_describe;
    const struct tn_object *class = o->type == TN_TYPE_RECORD ? tn_record_class(o) : o;
    const struct tn_object *base;
    int r = tn_ctx_claim(ctx, DESCRIPTION_BYTES);

    (void)version; /* is of the name, and not of the object */
    (void)message;
    if (class == NULL)
        return TN_ERR_BUSY;
    if (class->type != TN_TYPE_CLASS)
        return tn_wrong_type(ctx, o, "a class or a record");
    result->which = TENURE__V1__RESPONSE__RESULT_CLASS_DESCRIBE;
    *answer = (Tenure__V1__ClassDescribeResponse)TENURE__V1__CLASS_DESCRIBE_RESPONSE__INIT;
    answer->identity = tn_identity(ctx->ex->service->heap, class);
    answer->has_dict = tn_class_has_dict(class);
    answer->has_finalizer = tn_class_has_finalizer(class);
    answer->record_bytes = tn_class_record_bytes(class);
    answer->records = tn_class_n_records(class);
    base = tn_class_base(class);
    if (r == 0)
        r = tn_ctx_copy(ctx, tn_class_name(class), &answer->name);
    if (r == 0 && base != NULL)
        r = describe_base(ctx, base, answer);
    if (r == 0)
        r = describe_slots(ctx, class, answer);
    if (r == TN_ERR_TOO_BIG && tn_status_is_ok(ctx->status))
        r = tn_status_set(ctx->status, TN_REASON_ANSWER_TOO_LARGE);
    return r == 0 ? tn_check_alive(o) : r;
}

int tn_op_class_describe(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ClassDescribeRequest *msg = message;

    return tn_read_target(ctx, msg->target, describe, msg, result);
}
